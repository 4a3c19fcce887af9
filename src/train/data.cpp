#include "lior/train/data.h"

#include <cmath>

#include "lior/core/random.h"

namespace lior::train {

std::vector<std::int32_t> encode(std::string_view text) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  return {bytes, bytes + text.size()};
}

Text::Text(const std::string& path, double held_out_fraction) : file_(path), path_(path) {
  LIOR_CHECK(size() > 0, "{}: the file is empty; data is a file with text in it", path);
  LIOR_CHECK(held_out_fraction >= 0 && held_out_fraction <= 1,
             "the part of the text that is held out is {}; expected 0 to 1", held_out_fraction);
  const auto held_out =
      static_cast<Index>(std::floor(static_cast<double>(size()) * held_out_fraction));
  training_size_ = static_cast<std::size_t>(size() - held_out);
}

std::uint64_t Text::fingerprint() const {
  constexpr Index kPieces = 1024, kPieceBytes = 4096;
  const auto bytes = all();
  const Index pieces = std::min(kPieces, (size() + kPieceBytes - 1) / kPieceBytes);
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (Index piece = 0; piece < pieces; ++piece) {
    const Index begin =
        pieces < kPieces ? piece * kPieceBytes : piece * (size() - kPieceBytes) / (kPieces - 1);
    for (const std::byte b : bytes.subspan(begin, std::min(kPieceBytes, size() - begin))) {
      hash = (hash ^ static_cast<std::uint64_t>(b)) * 0x100000001b3;
    }
  }
  return hash;
}

void Text::fill_windows(std::uint64_t seed, Index step, View<std::int32_t, 2> tokens,
                        View<std::int32_t, 2> targets) const {
  const Index length = tokens.extent(1);
  const auto bytes = training();
  const Index starts = static_cast<Index>(bytes.size()) - length;
  LIOR_CHECK(
      starts >= 1,
      "{}: {} bytes to train on are too few for windows of length {}; at least {} are needed",
      path_, bytes.size(), length, length + 1);
  for (Index row = 0; row < tokens.extent(0); ++row) {
    const Index start = Random(seed, random_stream(Purpose::training, step, row)).below(starts);
    for (Index t = 0; t < length; ++t) {
      tokens(row, t) = static_cast<std::int32_t>(bytes[start + t]);
      targets(row, t) = static_cast<std::int32_t>(bytes[start + t + 1]);
    }
  }
}

Data Data::open(const std::string& name, double held_out_fraction) {
  Data data;
  if (name.starts_with(kBuiltin)) {
    data.task_ = task_from_name(std::string_view(name).substr(kBuiltin.size()));
  } else {
    LIOR_CHECK(!name.empty(), "no data is named; --data takes a file or builtin:NAME");
    data.text_.emplace(name, held_out_fraction);
  }
  return data;
}

void Data::fill_training(std::uint64_t seed, Index step, View<std::int32_t, 2> tokens,
                         View<std::int32_t, 2> targets, Alphabet alphabet) const {
  LIOR_CHECK(!text_ || alphabet == Alphabet::all,
             "a text has no generators to begin with (curriculum.generators); a5 and s5 have");
  if (text_) {
    text_->fill_windows(seed, step, tokens, targets);
  } else {
    fill_batch(task_, Purpose::training, seed, step, tokens, targets, alphabet);
  }
}

}  // namespace lior::train
