// SPDX-License-Identifier: Apache-2.0
#include "lior/train/text_counts.h"

#include <algorithm>
#include <cmath>

#include "lior/core/available_memory.h"
#include "lior/core/parallel.h"
#include "lior/core/stop.h"
#include "lior/core/text.h"
#include "lior/io/safetensors.h"
#include "train/text_copies.h"

namespace lior::train {
namespace {

namespace fs = std::filesystem;
using nn::ContextTable;
using nn::Counts;
using Stretch = nn::TextCounts::Stretch;

constexpr const char* kFile = "counts.safetensors";
constexpr const char* kFormat = "1";
constexpr Index kPiece = 1 << 14;  // tokens, some milliseconds
constexpr Index kSmallVocabulary = 1 << 16;

/// Tokens begin .. end - 1 with the `before` of their stretch before them, as far as there are any.
std::vector<std::int32_t> piece_of(const Source& data, const Range& of, Index begin, Index end,
                                   Index before) {
  const Index start = std::max(of.begin, begin - before);
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(end - start));
  data.read(start, tokens);
  return tokens;
}

using Pieces = std::vector<std::vector<std::int32_t>>;

/// What of the stretches lies in these ranges; both in order.
Pieces pieces_in(const Source& data, const std::vector<Range>& stretches,
                 const std::vector<Range>& ranges, Index before) {
  Pieces pieces;
  for (const Range& range : ranges) {
    auto stretch = std::ranges::upper_bound(stretches, range.begin, {}, &Range::end);
    for (; stretch != stretches.end() && stretch->begin < range.end; ++stretch) {
      const Index begin = std::max(range.begin, stretch->begin);
      const Index end = std::min(range.end, stretch->end);
      if (begin < end) pieces.push_back(piece_of(data, *stretch, begin, end, before));
    }
  }
  return pieces;
}

Index text_end(const std::vector<Range>& stretches) {
  Index end = 0;
  for (const Range& stretch : stretches) end = std::max(end, stretch.end);
  return end;
}

void check_memory(std::size_t bytes, std::size_t most, Index longest) {
  LIOR_CHECK(bytes <= most,
             "the counts of the text take more than {}, half of the memory that is available; "
             "count_tokens, of a part of the text, or model.count_orders below {} takes less",
             bytes_text(static_cast<double>(most)), longest);
}

/// Counts are to lack what they will lack where something new is predicted: equal documents are
/// held out together, others one by one though they may repeat each other; the ends of documents
/// all at once.
std::vector<TextChunk> chunks_of(const Source& data, const std::vector<Range>& training,
                                 const std::vector<Range>& counted) {
  const bool holds_out_documents = data.corpus()->documents().size() > training.size();
  return holds_out_documents ? find_equal_documents(data, training)
                             : find_copies(data, training, counted);
}

/// The ranges of a text that are of each part.
std::vector<std::vector<Range>> ranges_of_parts(const std::vector<Stretch>& stretches, Index end) {
  std::vector<std::vector<Range>> ranges(kCountParts);
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    const Index next = i + 1 < stretches.size() ? stretches[i + 1].begin : end;
    ranges[static_cast<std::size_t>(stretches[i].part)].push_back({stretches[i].begin, next});
  }
  return ranges;
}

/// What counts of the whole text lose by each part.
std::vector<Counts> lost_by_parts(const Source& data, const Counts& all,
                                  const std::vector<Range>& counted,
                                  const std::vector<std::vector<Range>>& parts, std::size_t most) {
  std::vector<Counts> lost(parts.size());
  std::size_t bytes = 0;
  const auto together = static_cast<std::size_t>(threads());
  for (std::size_t first = 0; first < parts.size(); first += together) {
    std::vector<Pieces> pieces;
    for (std::size_t part = first; part < std::min(first + together, parts.size()); ++part) {
      pieces.push_back(pieces_in(data, counted, parts[part], all.longest()));
    }
    const std::span<Counts> of_parts = std::span(lost).subspan(first);
    parallel_for(std::ssize(pieces), 1, [&](Index begin, Index end, int) {
      for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
        of_parts[i] = nn::lost_without(all, pieces[i]);
      }
    });
    for (std::size_t i = 0; i < pieces.size(); ++i) bytes += of_parts[i].bytes();
    check_memory(bytes, most, all.longest());
  }
  return lost;
}

nn::TextCounts counts_by_parts(const Source& data, Counts all, const CountChoice& choice) {
  const std::vector<Range> stretches = data.training_parts();
  const std::size_t most = available_memory() / 2;
  nn::TextCounts counts{.all = std::move(all)};
  const std::vector<Range> counted = counted_stretches(stretches, choice.tokens);
  const Index end = text_end(stretches);
  counts.stretches = divide(chunks_of(data, stretches, counted), end, kCountParts);
  counts.lost =
      lost_by_parts(data, counts.all, counted, ranges_of_parts(counts.stretches, end), most);
  const std::size_t most_in_all = counts.all.bytes() + most;
  counts.recent = nn::RecentText(choice.recent_orders);
  for (const Range& stretch : stretches) {
    if (choice.recent_orders == 0) break;
    counts.recent.start(stretch.begin);
    in_pieces(stretch.size(), kPiece, [&](Index begin, Index end) {
      counts.recent.add(piece_of(data, stretch, stretch.begin + begin, stretch.begin + end, 0));
      check_memory(counts.bytes(), most_in_all, counts.all.longest());
    });
  }
  return counts;
}

/// body(tokens) for the stretches in pieces of so many tokens, each with the `before` of its
/// stretch before it.
template <class Body>
void each_piece(const Source& data, const std::vector<Range>& stretches, Index size, Index before,
                const Body& body) {
  for (const Range& stretch : stretches) {
    in_pieces(stretch.size(), size, [&](Index begin, Index end) {
      body(piece_of(data, stretch, stretch.begin + begin, stretch.begin + end, before));
    });
  }
}

/// Counts stretches of a text on top of what is counted. A piece that was counted already, as its
/// longest contexts show, is not counted twice: it would stay counted where a part lacks it.
void add_text(Counts& all, const Source& data, const std::vector<Range>& stretches) {
  constexpr double kKnown = 0.95;
  constexpr Index kSmallPiece = 1024;
  const std::size_t most = available_memory() / 2;
  const bool is_first = all.table(0).contexts() == 0;
  const Index size = is_first ? kPiece : kSmallPiece;
  const auto each = [&](const auto& body) {
    each_piece(data, stretches, size, all.longest(), body);
  };
  std::vector<bool> is_known;
  ContextTable seen;
  if (!is_first) {
    each([&](const std::vector<std::int32_t>& tokens) {
      is_known.push_back(all.share_known(tokens) >= kKnown);
    });
    std::size_t piece = 0;
    each([&](const std::vector<std::int32_t>& tokens) {
      if (is_known[piece++]) all.add_again(tokens, seen);
      check_memory(all.bytes() + seen.bytes(), most, all.longest());
    });
  }
  std::size_t piece = 0;
  each([&](const std::vector<std::int32_t>& tokens) {
    if (is_first || !is_known[piece++]) all.add(tokens);
    check_memory(all.bytes() + seen.bytes(), most, all.longest());
  });
}

/// What body() returns, or nothing where it was stopped by a yes of this question.
template <class Body>
nn::TextCounts until_stopped(const std::function<bool()>& question, const Body& body) {
  auto asked = question;
  const StopScope scope([](void* f) { return (*static_cast<std::function<bool()>*>(f))(); },
                        &asked);
  try {
    return body();
  } catch (const Stopped&) {
    return {};
  }
}

/// ln p_K of single tokens.
class CountPrediction {
 public:
  CountPrediction(const nn::TextCounts& counts, Index vocabulary)
      : counts_(counts),
        levels_(static_cast<std::size_t>(counts.all.longest()) + 1),
        tokens_(
            static_cast<std::size_t>(nn::most_count_steps(counts.all.longest(), 0, vocabulary))),
        ends_(levels_),
        steps_(tokens_.size()),
        bases_(levels_),
        sureness_(levels_ - 1),
        ratio_(static_cast<std::size_t>(vocabulary)),
        logarithm_(ratio_.size()),
        lost_(ratio_.size()) {
    work_.clear();
  }

  double log_p(Index place, nn::Context context, std::int32_t token) {
    nn::count_steps<double>(counts_.all, counts_.lost_at(place), {}, context,
                            {tokens_, steps_, ends_, bases_}, sureness_, work_);
    double sum = bases_.back();
    for (std::size_t i = 0; i < static_cast<std::size_t>(ends_.back()); ++i) {
      if (tokens_[i] == token) sum += steps_[i];
    }
    return sum;
  }

 private:
  const nn::TextCounts& counts_;
  std::size_t levels_;
  std::vector<std::int32_t> tokens_, ends_;
  std::vector<double> steps_, bases_;
  std::vector<nn::Sureness> sureness_;
  std::vector<double> ratio_, logarithm_;
  std::vector<std::uint32_t> lost_;
  nn::CountWork work_{ratio_, logarithm_, lost_};
};

std::string tensor(Index n, const char* what) { return fmt::format("{}.{}", n, what); }

/// A finished table as the arrays of its file.
struct Arrays {
  std::vector<std::uint64_t> keys;
  std::vector<std::uint32_t> followers, counts, tokens;
  std::vector<std::uint16_t> small_tokens;
};

Arrays arrays_of(const ContextTable& table, bool is_small) {
  std::vector<ContextTable::Context> contexts;
  std::copy_if(table.slots().begin(), table.slots().end(), std::back_inserter(contexts),
               [](const auto& context) { return context.key != 0; });
  std::sort(contexts.begin(), contexts.end(),
            [](const auto& a, const auto& b) { return a.key < b.key; });
  Arrays arrays;
  for (const ContextTable::Context& context : contexts) {
    const std::size_t before = arrays.counts.size();
    for (std::uint32_t i = context.first; i != ContextTable::kNone; i = table.followers()[i].next) {
      const auto& [token, count, next] = table.followers()[i];
      arrays.counts.push_back(count);
      if (is_small) {
        arrays.small_tokens.push_back(static_cast<std::uint16_t>(token));
      } else {
        arrays.tokens.push_back(static_cast<std::uint32_t>(token));
      }
    }
    arrays.keys.push_back(context.key);
    arrays.followers.push_back(static_cast<std::uint32_t>(arrays.counts.size() - before));
  }
  return arrays;
}

/// One table of an open file, into `table`.
class TableReader {
 public:
  TableReader(const io::SafeTensors& file, Index n, Index vocabulary)
      : file_(file),
        n_(n),
        vocabulary_(vocabulary),
        keys_(file.read<std::uint64_t>(tensor(n, "keys"))),
        followers_(file.read<std::uint32_t>(tensor(n, "followers"))),
        tokens_(file.read<std::int32_t>(tensor(n, "tokens"))),
        counts_(file.read<std::uint32_t>(tensor(n, "counts"))) {}

  void into(ContextTable& table) const {
    check(followers_.size() == keys_.size() && tokens_.size() == counts_.size(),
          "its arrays are not of one size");
    constexpr Index kAhead = 16;
    table.reserve(keys_.size(), tokens_.size());
    Index place = 0;
    for (Index c = 0; c < keys_.size(); ++c) {
      if (c + kAhead < keys_.size()) table.prefetch(keys_[c + kAhead]);
      check(keys_[c] > (c == 0 ? 0 : keys_[c - 1]), "its keys do not rise from 1");
      const Index end = place + followers_[c];
      check(end > place && end <= tokens_.size(), "its followers are not those of its keys");
      for (Index i = place; i < end; ++i) {
        check(tokens_[i] >= (i == place ? 0 : tokens_[i - 1] + 1) && tokens_[i] < vocabulary_,
              "its tokens do not rise below the vocabulary");
        check(counts_[i] > 0, "it has a count of 0");
      }
      const auto of_context = [&](const auto& array) {
        return array.span().subspan(static_cast<std::size_t>(place),
                                    static_cast<std::size_t>(end - place));
      };
      table.add_context(keys_[c], of_context(tokens_), of_context(counts_));
      place = end;
    }
    check(place == tokens_.size(), "its followers are not those of its keys");
  }

 private:
  void check(bool holds, const char* fault) const {
    LIOR_CHECK(holds, "{}: is damaged: of contexts of {} tokens, {}", shown_path(file_.path()), n_,
               fault);
  }

  const io::SafeTensors& file_;
  Index n_, vocabulary_;
  Buffer<std::uint64_t> keys_;
  Buffer<std::uint32_t> followers_;
  Buffer<std::int32_t> tokens_;
  Buffer<std::uint32_t> counts_;
};

}  // namespace

std::vector<Range> counted_stretches(const std::vector<Range>& training, Index tokens) {
  constexpr Index kTogether = 1'000'000;
  Index all = 0;
  for (const Range& stretch : training) all += stretch.size();
  if (tokens == 0 || tokens >= all) return training;
  const double share = static_cast<double>(tokens) / static_cast<double>(all);
  std::vector<Range> counted;
  for (const Range& stretch : training) {
    for (Index begin = stretch.begin; begin < stretch.end; begin += kTogether) {
      const Index whole = std::min(kTogether, stretch.end - begin);
      const auto part = static_cast<Index>(std::llround(share * static_cast<double>(whole)));
      if (part > 0) counted.push_back({begin, begin + part});
    }
  }
  return counted;
}

nn::TextCounts count_text(const Source& data, Counts all, const CountChoice& choice,
                          const std::function<bool()>& interrupted) {
  return until_stopped(interrupted, [&] {
    add_text(all, data, counted_stretches(data.training_parts(), choice.tokens));
    all.finish();
    return counts_by_parts(data, std::move(all), choice);
  });
}

nn::TextCounts count_parts(const Source& data, Counts all, const CountChoice& choice,
                           const std::function<bool()>& interrupted) {
  return until_stopped(interrupted, [&] { return counts_by_parts(data, std::move(all), choice); });
}

double count_loss(const Source& data, const nn::TextCounts& counts) {
  constexpr Index kMost = 20'000;
  const Index longest = counts.all.longest();
  const std::vector<Range> parts = data.training_parts();
  Index all = 0;
  for (const Range& part : parts) all += std::max<Index>(part.size() - longest, 0);
  const Index stride = std::max<Index>(all / kMost, 1);
  CountPrediction prediction(counts, data.vocabulary());
  double sum = 0;
  Index count = 0, skipped = 0;  // tokens of the parts before since the latest
  for (const Range& part : parts) {
    Index place = part.begin + longest + skipped;
    for (; place < part.end; place += stride, ++count) {
      const auto tokens = piece_of(data, part, place, place + 1, longest);
      sum -= prediction.log_p(place, std::span(tokens).first(tokens.size() - 1), tokens.back());
    }
    skipped = place - std::max(part.end, part.begin + longest);
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

void save_counts(const fs::path& folder, const Counts& counts, Index vocabulary,
                 std::uint64_t text) {
  const bool is_small = vocabulary <= kSmallVocabulary;
  std::vector<Arrays> arrays;
  for (Index n = 0; n <= counts.longest(); ++n) {
    arrays.push_back(arrays_of(counts.table(n), is_small));
  }
  std::vector<io::NamedTensor> tensors;
  for (Index n = 0; n <= counts.longest(); ++n) {
    const Arrays& of = arrays[static_cast<std::size_t>(n)];
    const auto append = [&]<class T>(const char* what, const std::vector<T>& numbers) {
      tensors.push_back(
          io::named_tensor<T>(tensor(n, what), std::span(numbers), {std::ssize(numbers)}));
    };
    append("keys", of.keys);
    append("followers", of.followers);
    if (is_small) {
      append("tokens", of.small_tokens);
    } else {
      append("tokens", of.tokens);
    }
    append("counts", of.counts);
  }
  io::write_safetensors((folder / kFile).string(), tensors,
                        {{"format", kFormat},
                         {"vocabulary", fmt::format("{}", vocabulary)},
                         {"text", fmt::format("{}", text)}});
}

bool has_counts(const fs::path& folder) {
  std::error_code error;
  return fs::exists(folder / kFile, error);
}

Counts load_counts(const fs::path& folder, Index longest, Index vocabulary,
                   std::optional<std::uint64_t> text) {
  constexpr std::size_t kArrays = 4;
  const auto file = io::SafeTensors::open((folder / kFile).string());
  const auto metadata = [&](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? std::string() : found->second;
  };
  LIOR_CHECK(metadata("format") == kFormat,
             "{}: its format is \"{}\"; this program reads counts of format \"{}\"",
             shown_path(file.path()), shown(metadata("format")), kFormat);
  LIOR_CHECK(metadata("vocabulary") == fmt::format("{}", vocabulary),
             "{}: counts {} different tokens; the configuration's model has {}",
             shown_path(file.path()), shown(metadata("vocabulary")), vocabulary);
  LIOR_CHECK(file.names().size() == kArrays * static_cast<std::size_t>(longest + 1),
             "{}: holds {} arrays; counts of contexts of up to {} tokens have {}",
             shown_path(file.path()), file.names().size(), longest, kArrays * (longest + 1));
  LIOR_CHECK(!text || metadata("text") == fmt::format("{}", *text),
             "{}: are not the counts of the run's text", shown_path(file.path()));
  Counts counts(longest);
  for (Index n = 0; n <= longest; ++n) {
    TableReader(file, n, vocabulary).into(counts.table(n));
  }
  counts.finish();
  return counts;
}

}  // namespace lior::train
