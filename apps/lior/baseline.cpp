// SPDX-License-Identifier: Apache-2.0
#include "baseline.h"

#include <archive.h>
#include <archive_entry.h>
#include <bzlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "lior/core/buffer.h"

namespace lior::app {
namespace {

constexpr std::int64_t kWindow = 4096;  // tokens that are read at a time

std::int64_t bzip2_size(std::string_view text) {
  constexpr int kLargestBlocks = 9, kQuiet = 0, kUsualWork = 0;
  constexpr std::size_t kMost = std::size_t{1} << 30;  // it counts in 32 bits
  bz_stream stream{};
  if (BZ2_bzCompressInit(&stream, kLargestBlocks, kQuiet, kUsualWork) != BZ_OK) {
    throw RunError("bzip2: has too little memory");
  }
  const std::unique_ptr<bz_stream, decltype(&BZ2_bzCompressEnd)> ending(&stream,
                                                                        &BZ2_bzCompressEnd);
  std::array<char, 1 << 16> buffer;
  std::int64_t size = 0;
  for (int state = BZ_RUN_OK; state != BZ_STREAM_END;) {
    const std::size_t given = std::min(text.size(), kMost);
    stream.next_in = const_cast<char*>(text.data());  // which it only reads
    stream.avail_in = static_cast<unsigned>(given);
    stream.next_out = buffer.data();
    stream.avail_out = static_cast<unsigned>(buffer.size());
    state = BZ2_bzCompress(&stream, given < text.size() ? BZ_RUN : BZ_FINISH);
    text.remove_prefix(given - stream.avail_in);
    size += static_cast<std::int64_t>(buffer.size() - stream.avail_out);
  }
  return size;
}

/// Throws RunError with what libarchive says where a call has not succeeded.
void check(archive* writer, la_ssize_t result) {
  if (result >= ARCHIVE_OK) return;
  const char* const why = archive_error_string(writer);
  throw RunError(fmt::format("libarchive: {}", why != nullptr ? why : "failed"));
}

/// Of a 7-Zip archive with one file: the differences of two have no headers in them, but for a few
/// bytes of their numbers.
std::int64_t ppmd_size(std::string_view text) {
  std::int64_t size = 0;
  const std::unique_ptr<archive, decltype(&archive_write_free)> writer(archive_write_new(),
                                                                       &archive_write_free);
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                            &archive_entry_free);
  if (writer == nullptr || entry == nullptr) throw RunError("libarchive: has too little memory");
  archive* const to = writer.get();
  check(to, archive_write_set_format_7zip(to));
  check(to, archive_write_set_format_option(to, "7zip", "compression", "ppmd"));
  const auto count = [](archive*, void* sum, const void*, std::size_t bytes) -> la_ssize_t {
    *static_cast<std::int64_t*>(sum) += static_cast<std::int64_t>(bytes);
    return static_cast<la_ssize_t>(bytes);
  };
  check(to, archive_write_set_bytes_in_last_block(to, 1));  // none is filled up
  check(to, archive_write_open(to, &size, nullptr, count, nullptr));
  archive_entry_set_pathname(entry.get(), "text");
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(text.size()));
  check(to, archive_write_header(to, entry.get()));
  check(to, archive_write_data(to, text.data(), text.size()));
  check(to, archive_write_close(to));
  return size;
}

void append(std::string& text, std::span<const std::int32_t> tokens,
            const train::Tokenizer& tokenizer) {
  for (const std::int32_t token : tokens) {
    if (token >= 0) text += tokenizer.bytes(token);
  }
}

}  // namespace

std::int64_t compressed_size(Compressor compressor, std::string_view text) {
  return compressor == Compressor::bzip2 ? bzip2_size(text) : ppmd_size(text);
}

Baseline::Baseline(const train::Source& trained_on) {
  const std::vector<train::Range> parts = trained_on.training_parts();
  std::int64_t left = 0;
  for (const train::Range& part : parts) left += part.size();
  std::vector<std::int32_t> tokens;
  for (const train::Range& part : parts) {
    for (std::int64_t begin = part.begin; begin < part.end; begin += kWindow) {
      const std::int64_t some = std::min(kWindow, part.end - begin);
      left -= some;
      if (left >= kMostBefore) continue;  // each token is a byte or more
      tokens.resize(static_cast<std::size_t>(some));
      trained_on.read(begin, tokens);
      append(before_, tokens, *trained_on.tokenizer());
    }
  }
  if (std::ssize(before_) > kMostBefore) before_.erase(0, before_.size() - kMostBefore);
}

std::optional<double> Baseline::bits_per_byte(Compressor compressor, std::string_view text) const {
  if (std::ssize(text) < kFewest) return {};
  const std::int64_t grown = compressed_size(compressor, before_ + std::string(text)) -
                             compressed_size(compressor, before_);
  if (grown <= 0) return {};
  return 8 * static_cast<double>(grown) / static_cast<double>(text.size());
}

std::string target_bytes(train::Stream& stream, const train::Tokenizer& tokenizer) {
  Array<std::int32_t, 2> tokens({1, kWindow}), targets({1, kWindow});
  std::string text;
  for (std::int64_t sequence = 0; sequence < stream.count(); ++sequence) {
    const std::int64_t length = stream.longest(sequence, 1);
    for (std::int64_t begin = 0; begin < length; begin += kWindow) {
      const Shape<2> shape{1, std::min(kWindow, length - begin)};
      const View<std::int32_t, 2> some(targets.data(), shape);
      stream.read(sequence, begin, View<std::int32_t, 2>(tokens.data(), shape), some);
      append(text, some.span(), tokenizer);
    }
  }
  return text;
}

}  // namespace lior::app
