// SPDX-License-Identifier: Apache-2.0
#include "lior/train/corpus.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "lior/core/available_memory.h"
#include "lior/core/text.h"
#include "lior/io/atomic_file.h"
#include "lior/io/decode.h"
#include "lior/io/find_files.h"
#include "lior/io/json_field.h"
#include "lior/io/safetensors.h"
#include "lior/train/checkpoint.h"

namespace lior::train {
namespace {

namespace fs = std::filesystem;
using Interrupted = std::function<bool()>;

constexpr const char* kDocumentsFile = "documents.safetensors";

std::vector<std::string> names_of(const std::string& lines) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', begin), lines.size());
    if (end > begin) names.push_back(lines.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

/// FNV-1a.
class Hash {
 public:
  void add(std::span<const std::byte> bytes) {
    for (const std::byte b : bytes) {
      value_ = (value_ ^ static_cast<std::uint64_t>(b)) * 0x100000001b3;
    }
  }
  void add(std::string_view text) {
    add(std::as_bytes(std::span(text)));
    add(std::array{std::byte{0}});  // where one text ends and the next one begins
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325;
};

/// "\\n" as a line's end.
std::string unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      plain += text[i];
      continue;
    }
    constexpr std::string_view kWritten = "nrt\\", kMeant = "\n\r\t\\";
    const char next = ++i < text.size() ? text[i] : '\0';
    const std::size_t place = kWritten.find(next);
    LIOR_CHECK(place != std::string_view::npos,
               "separator \"{}\": a backslash stands before n, r, t or another one", shown(text));
    plain.push_back(kMeant[place]);
  }
  return plain;
}

bool is_json_lines(const std::string& path) {
  const std::string_view name = io::without_compression(path);
  return name.ends_with(".jsonl") || name.ends_with(".ndjson");
}

/// Whether a file holds its text as it is.
bool is_plain(const std::string& path) { return !io::is_compressed(path) && !is_json_lines(path); }

constexpr std::size_t kLookedAt = 8000;

std::vector<std::byte> front_of(const TextBytes& text) {
  std::vector<std::byte> bytes(std::min(kLookedAt, static_cast<std::size_t>(text.size())));
  text.read(0, bytes);
  return bytes;
}

/// Whether these first bytes of a file are no text: git's rule.
bool is_binary(std::span<const std::byte> bytes) {
  const auto front = bytes.first(std::min(bytes.size(), kLookedAt));
  return std::find(front.begin(), front.end(), std::byte{0}) != front.end();
}

/// The sources of a cache: paths, sizes, times, and how they are read.
std::string key_of(const CorpusChoice& choice, const std::vector<io::FoundFile>& files) {
  Hash hash;
  hash.add("1");  // the way of decoding
  hash.add(choice.field);
  hash.add(choice.separator);
  for (const io::FoundFile& file : files) {
    struct stat status {};
    LIOR_CHECK(::stat(file.path.c_str(), &status) == 0, "{}: cannot be opened; it was there",
               shown_path(file.path));
    hash.add(fs::absolute(file.path).lexically_normal().string());
    hash.add(fmt::format("{} {} {}.{}", file.is_named, status.st_size, status.st_mtim.tv_sec,
                         status.st_mtim.tv_nsec));
  }
  return fmt::format("{:016x}", hash.value());
}

/// The documents between separators in bytes begin .. end - 1, which `read` gives piece by piece.
class Separation {
 public:
  Separation(const std::string& separator, std::vector<Range>& documents)
      : separator_(separator), documents_(documents) {}

  /// The next bytes of the file.
  void push(std::string_view piece) {
    waiting_ += piece;
    std::size_t place = 0;
    while ((place = waiting_.find(separator_, place)) != std::string::npos) {
      const Index at = begin_ + static_cast<Index>(place);
      add({document_, at});
      place += separator_.size();
      document_ = at + std::ssize(separator_);
    }
    // The beginning of a separator stays; searched text does not come again.
    const std::size_t searched =
        std::max(waiting_.size() - std::min(waiting_.size(), separator_.size() - 1),
                 static_cast<std::size_t>(std::max<Index>(document_ - begin_, 0)));
    waiting_.erase(0, searched);
    begin_ += static_cast<Index>(searched);
  }
  void finish() { add({document_, begin_ + std::ssize(waiting_)}); }
  /// Whether a separator stood in the file.
  bool found() const { return document_ > first_; }
  /// The file begins there.
  void start(Index begin) {
    begin_ = document_ = first_ = begin;
    waiting_.clear();
  }

 private:
  void add(Range document) {
    if (document.size() > 0) documents_.push_back(document);
  }

  const std::string& separator_;
  std::vector<Range>& documents_;
  std::string waiting_;
  Index begin_ = 0;     // of waiting_
  Index document_ = 0;  // where the document begins
  Index first_ = 0;     // where the file does
};

/// Reads files one after another into one text.
class Collector {
 public:
  Collector(const CorpusChoice& choice, const Interrupted& interrupted)
      : field_(choice.field), separator_(unescape(choice.separator)), interrupted_(interrupted) {}

  void add(const io::FoundFile& file) {
    const std::size_t before = bytes.size();
    const Index documents_before = std::ssize(documents);
    if (is_json_lines(file.path)) {
      add_json_lines(file.path);
    } else if (!add_text(file)) {
      bytes.resize(before);
      documents.resize(static_cast<std::size_t>(documents_before));
      binary.push_back(file.path);
    }
  }

  std::vector<std::byte> bytes;
  std::vector<Range> documents;
  std::vector<std::string> binary;  ///< files that were left out
  bool separates = false;           ///< whether a separator was found

 private:
  /// False where it is no text, and was not named.
  bool add_text(const io::FoundFile& file) {
    const Index begin = std::ssize(bytes);
    Separation separation(separator_, documents);
    separation.start(begin);
    bool is_text = true;
    io::read_decoded(file.path, [&](std::span<const std::byte> piece) {
      const bool is_first = std::ssize(bytes) == begin;
      is_text = !is_first || file.is_named || !is_binary(piece);
      if (!is_text) return false;
      append(piece);
      if (!separator_.empty()) {
        separation.push({reinterpret_cast<const char*>(piece.data()), piece.size()});
      }
      return !interrupted_();
    });
    LIOR_CHECK(!file.is_named || std::ssize(bytes) > begin || interrupted_(),
               "{}: the file is empty; data is a file with text in it", shown_path(file.path));
    if (!separator_.empty()) {
      separation.finish();
      separates = separates || separation.found();
    } else if (std::ssize(bytes) > begin) {
      documents.push_back({begin, std::ssize(bytes)});
    }
    return is_text;
  }

  void add_json_lines(const std::string& path) {
    constexpr std::size_t kLongestLine = std::size_t{1} << 28;
    io::LineSplitter lines;
    Index line = 0;
    io::read_decoded(path, [&](std::span<const std::byte> piece) {
      lines.push({reinterpret_cast<const char*>(piece.data()), piece.size()});
      while (const auto next = lines.next()) add_line(path, ++line, *next);
      LIOR_CHECK(lines.rest().size() <= kLongestLine, "{}:{}: a line of more than {}",
                 shown_path(path), line + 1, bytes_text(kLongestLine));
      return !interrupted_();
    });
    if (!interrupted_()) add_line(path, line + 1, lines.rest());
  }

  void add_line(const std::string& path, Index number, std::string_view line) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
    std::string text;
    try {
      text = io::json_text_field(line, field_);
    } catch (const Error& error) {
      throw Error(fmt::format("{}:{}: {}", shown_path(path), number, error.what()));
    }
    const Index begin = std::ssize(bytes);
    append(std::as_bytes(std::span(text)));
    if (!text.empty()) documents.push_back({begin, std::ssize(bytes)});
  }

  void append(std::span<const std::byte> piece) {
    LIOR_CHECK(bytes.size() + piece.size() <= most_,
               "the texts are larger than {}, half of the memory that is available; a single plain "
               "file may be of any size",
               bytes_text(static_cast<double>(most_)));
    bytes.insert(bytes.end(), piece.begin(), piece.end());
  }

  std::string field_, separator_;
  const Interrupted& interrupted_;
  std::size_t most_ = available_memory() / 2;
};

/// Of a separator that stands in none of the files.
std::string note_on_separator(const std::string& separator) {
  return fmt::format("the separator \"{}\" stands nowhere, and each file is one document",
                     shown(separator));
}

std::string first_of(const std::vector<std::string>& paths) {
  return shown_path(paths.front()) +
         (paths.size() == 1 ? "" : fmt::format(" and {} more", paths.size() - 1));
}

std::string note_on_binary(const std::vector<std::string>& binary) {
  return fmt::format("left out, since a zero byte near the start says that it is no text: {}",
                     first_of(binary));
}

std::string note_on_runs(const std::vector<std::string>& runs) {
  return fmt::format("left out, since it is the folder of a run: {}", first_of(runs));
}

/// The documents of a text that lies in one file.
std::vector<Range> separate(const TextBytes& text, const std::string& separator,
                            const Interrupted& interrupted) {
  std::vector<Range> documents;
  if (separator.empty()) return {{0, text.size()}};
  Separation separation(separator, documents);
  std::vector<std::byte> piece(std::size_t{1} << 16);
  for (Index begin = 0; begin < text.size() && !interrupted(); begin += std::ssize(piece)) {
    const auto some = std::span(piece).first(
        static_cast<std::size_t>(std::min(std::ssize(piece), text.size() - begin)));
    text.read(begin, some);
    separation.push({reinterpret_cast<const char*>(some.data()), some.size()});
  }
  separation.finish();
  LIOR_CHECK(!documents.empty() || interrupted(), "{}: holds separators and nothing else",
             shown_path(text.path()));
  return documents;
}

std::uint64_t hash_of(const TextBytes& text, Range range) {
  Hash hash;
  std::vector<std::byte> piece(std::size_t{1} << 16);
  while (range.size() > 0) {
    const auto some =
        std::span(piece).first(static_cast<std::size_t>(std::min(std::ssize(piece), range.size())));
    text.read(range.begin, some);
    hash.add(some);
    range.begin += std::ssize(some);
  }
  return hash.value();
}

Index part_of(Index size, double part) {
  return static_cast<Index>(std::floor(static_cast<double>(size) * part));
}

/// Which documents are held out whole; none where those that are small enough have less than half
/// of what is to be held out.
std::vector<bool> draw_documents(const Corpus& corpus, double part) {
  const std::vector<Range>& documents = corpus.documents();
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  Index all = 0;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    order.emplace_back(hash_of(corpus.text(), documents[i]), i);
    all += documents[i].size();
  }
  const Index wanted = part_of(all, part);
  Index left = wanted;
  std::sort(order.begin(), order.end());
  std::vector<bool> drawn(documents.size());
  for (const auto& [hash, i] : order) {
    if (documents[i].size() > left) continue;
    drawn[i] = true;
    left -= documents[i].size();
  }
  if (2 * left > wanted) drawn.assign(drawn.size(), false);
  return drawn;
}

}  // namespace

std::string join_names(std::span<const std::string> names) {
  std::string lines;
  for (const std::string& name : names) {
    LIOR_CHECK(name.find('\n') == std::string::npos,
               "data \"{}\": the name has a line's end in it; give the file another name",
               shown(name));
    lines += (lines.empty() ? "" : "\n") + name;
  }
  return lines;
}

std::string shown_names(const std::string& names) {
  std::string text;
  for (const std::string& name : names_of(names)) text += (text.empty() ? "" : ", ") + name;
  return shown_path(text);
}

std::string absolute_names(const std::string& names) {
  std::string text;
  for (const std::string& name : names_of(names)) {
    if (!text.empty()) text += '\n';
    text += fs::absolute(name).lexically_normal().string();
  }
  return text;
}

Corpus::Corpus(const CorpusChoice& choice, const fs::path& cache, const Interrupted& interrupted) {
  const std::vector<std::string> names = names_of(choice.names);
  LIOR_CHECK(!names.empty(), "no data is named; --data takes a file or builtin:NAME");
  std::error_code ignored;
  const bool is_pipe = names.size() == 1 && (names[0] == "-" || fs::is_fifo(names[0], ignored) ||
                                             fs::is_character_file(names[0], ignored));
  if (is_pipe) {
    open_plain(names[0], choice, interrupted);
    return;
  }
  LIOR_CHECK(std::find(names.begin(), names.end(), "-") == names.end(),
             "data: the standard input (-) comes alone, and not beside files");
  std::vector<std::string> runs;
  std::vector<io::FoundFile> files;
  try {
    files = io::find_files(names, choice.pattern, [&](const std::string& folder) {
      const bool leaves_out = is_run(folder);
      if (leaves_out) runs.push_back(folder);
      return leaves_out;
    });
  } catch (const Error&) {
    if (!choice.is_the_runs || !open_kept(choice, cache, interrupted)) throw;
    return;
  }
  if (!runs.empty()) add_note(note_on_runs(runs));
  if (files.size() == 1 && is_plain(files[0].path)) {
    open_plain(files[0].path, choice, interrupted);
    LIOR_CHECK(files[0].is_named || interrupted() || !is_binary(front_of(text_)),
               "{}: no text in it: a file with a zero byte near its start is taken to be binary",
               shown_names(choice.names));
    return;
  }

  key_ = key_of(choice, files);
  if (open_cache(cache, false)) return;
  Collector collector(choice, interrupted);
  for (const io::FoundFile& file : files) {
    if (interrupted()) return;
    collector.add(file);
  }
  LIOR_CHECK(!collector.documents.empty() || interrupted(), "{}: no text in {}",
             shown_names(choice.names),
             collector.binary.empty()
                 ? "it"
                 : "it: a file with a zero byte near its start is taken to be binary");
  text_ = TextBytes(shown_names(choice.names), std::move(collector.bytes));
  documents_ = std::move(collector.documents);
  if (!collector.binary.empty()) add_note(note_on_binary(collector.binary));
  if (!choice.separator.empty() && !collector.separates)
    add_note(note_on_separator(choice.separator));
  is_decoded_ = true;
}

void Corpus::add_note(const std::string& note) { note_ += (note_.empty() ? "" : "; ") + note; }

std::uint64_t Corpus::fingerprint(const Interrupted& interrupted) const {
  const std::uint64_t of_text = text_.fingerprint(interrupted);
  if (documents_.size() == 1) return of_text;
  Hash hash;
  hash.add(fmt::format("{}", of_text));
  hash.add(std::as_bytes(std::span(documents_)));
  return hash.value();
}

void Corpus::open_plain(const std::string& path, const CorpusChoice& choice,
                        const Interrupted& interrupted) {
  text_ = TextBytes(path, interrupted);
  documents_ = separate(text_, unescape(choice.separator), interrupted);
  const bool is_one = documents_ == std::vector<Range>{{0, text_.size()}};
  if (is_one && !choice.separator.empty()) add_note(note_on_separator(choice.separator));
}

/// What the run in `cache` keeps of a text that is not where it was: a decoded one, or one that
/// came through a pipe, whose name is that of the copy itself.
bool Corpus::open_kept(const CorpusChoice& choice, const fs::path& cache,
                       const Interrupted& interrupted) {
  const fs::path copy = cache / kTextFile;
  const bool was_pipe = fs::path(choice.names).filename() == kTextFile &&
                        !fs::exists(cache / kDocumentsFile) && fs::exists(copy);
  if (was_pipe) open_plain(copy.string(), choice, interrupted);
  if (!was_pipe && !open_cache(cache, true)) return false;
  add_note(fmt::format("{} cannot be found; the copy that the run keeps is taken: {}",
                       shown_names(choice.names), shown_path(copy.string())));
  return true;
}

/// `is_any`: also where it was made of other files than key_ says.
bool Corpus::open_cache(const fs::path& cache, bool is_any) {
  if (cache.empty() || !fs::exists(cache / kDocumentsFile)) return false;
  try {
    const auto file = io::SafeTensors::open((cache / kDocumentsFile).string());
    const auto fact = [&](const char* key) { return file.metadata().at(key); };
    if (!is_any && fact("key") != key_) return false;
    TextBytes text((cache / kTextFile).string());
    if (fact("fingerprint") != fmt::format("{}", text.fingerprint())) return false;
    const Buffer<Index> places = file.read<Index>("documents");
    Index end = 0;
    for (auto place = places.begin(); places.end() - place >= 2; place += 2) {
      const Range document{place[0], place[1]};
      if (document.begin < end || document.size() <= 0 || document.end > text.size()) return false;
      documents_.push_back(document);
      end = document.end;
    }
    note_ = fact("note");
    text_ = std::move(text);
    return !documents_.empty();
  } catch (const std::exception&) {  // a damaged cache is none
    documents_.clear();
    return false;
  }
}

void Corpus::keep(const fs::path& folder) const {
  const std::span<const std::byte> bytes = text_.held();
  io::write_file_atomically((folder / kTextFile).string(),
                            {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!is_decoded_) return;
  std::vector<Index> places;
  for (const Range& document : documents_) {
    places.push_back(document.begin);
    places.push_back(document.end);
  }
  // Last: with an older table, or none, the text is not taken.
  const auto table = io::named_tensor<Index>("documents", places, {std::ssize(documents_), 2});
  io::write_safetensors(
      (folder / kDocumentsFile).string(), std::array{table},
      {{"key", key_}, {"fingerprint", fmt::format("{}", text_.fingerprint())}, {"note", note_}});
}

Split split(const Corpus& corpus, double part) {
  const std::vector<Range>& documents = corpus.documents();
  Split parts;
  std::vector<bool> drawn(documents.size());
  if (documents.size() > 1 && part > 0 && part < 1) drawn = draw_documents(corpus, part);
  const bool by_document = std::find(drawn.begin(), drawn.end(), true) != drawn.end();
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const Range& document = documents[i];
    const Index out =
        by_document ? (drawn[i] ? document.size() : 0) : part_of(document.size(), part);
    const Index middle = document.end - out;
    if (middle > document.begin) parts.training.push_back({document.begin, middle});
    if (middle < document.end) parts.held_out.push_back({middle, document.end});
  }
  return parts;
}

}  // namespace lior::train
