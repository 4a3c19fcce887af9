// SPDX-License-Identifier: Apache-2.0
#include "lior/io/decode.h"

#include <fcntl.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "io/file_descriptor.h"
#include "lior/core/error.h"
#include "lior/core/text.h"

namespace lior::io {
namespace {

constexpr std::size_t kPiece = std::size_t{1} << 17;

using Bytes = std::span<const std::byte>;
using Take = std::function<bool(Bytes)>;

[[noreturn]] void fail(const std::string& path, std::string_view what) {
  throw Error(fmt::format("{}: {}", shown_path(path), what));
}

/// A form of compression: takes bytes in, gives out what they hold.
class Decoder {
 public:
  explicit Decoder(const std::string& path) : path_(path), out_(kPiece) {}
  virtual ~Decoder() = default;

  /// Undoes `in`, and hands on what comes; false where `take` has enough.
  bool push(Bytes in, const Take& take) {
    read_ += in.size();
    while (!in.empty() || is_pending_) {
      std::size_t given = 0;
      is_pending_ = false;
      in = step(in, given);
      is_pending_ = given == out_.size();
      written_ += given;
      check_ratio();
      if (given > 0 && !take(Bytes(out_).first(given))) return false;
    }
    return true;
  }
  /// After the last byte. Throws where the text has not ended.
  virtual void finish(const Take& take) = 0;

 protected:
  /// Undoes a front of `in` into out_: what is left of it, and how many bytes came.
  virtual Bytes step(Bytes in, std::size_t& given) = 0;

  [[noreturn]] void damaged(std::string_view why) const {
    fail(path_, fmt::format("is damaged ({}); a whole file would do", shown(why)));
  }
  [[noreturn]] void truncated() const {
    fail(path_,
         fmt::format("ends before its text does, after {} bytes; a whole file would do", read_));
  }

  const std::string& path_;
  std::vector<std::byte> out_;

 private:
  void check_ratio() const {
    if (written_ <= kTrustedBytes) return;
    if (static_cast<double>(written_) <= kLargestRatio * static_cast<double>(read_)) return;
    fail(path_, fmt::format("{} bytes gave more than {} MB, as in a file that was made to fill a "
                            "memory; unpack it yourself where it is what you want",
                            read_, written_ >> 20));
  }

  std::size_t read_ = 0, written_ = 0;
  bool is_pending_ = false;  // whether more may come without more bytes
};

class GzipDecoder : public Decoder {
 public:
  explicit GzipDecoder(const std::string& path) : Decoder(path) {
    constexpr int kGzipOnly = 15 + 16;
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  GzipDecoder(const GzipDecoder&) = delete;
  GzipDecoder& operator=(const GzipDecoder&) = delete;
  ~GzipDecoder() override { inflateEnd(&stream_); }

  void finish(const Take&) override {
    if (!has_ended_) truncated();
  }

 protected:
  Bytes step(Bytes in, std::size_t& given) override {
    if (has_ended_) {
      in = skip_padding(in);
      if (in.empty()) return in;
      has_ended_ = false;
      inflateReset(&stream_);
    }
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
    stream_.avail_out = static_cast<uInt>(out_.size());
    const int status = inflate(&stream_, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      damaged(stream_.msg != nullptr ? stream_.msg : "no gzip");
    }
    has_ended_ = status == Z_STREAM_END;
    given = out_.size() - stream_.avail_out;
    return in.last(stream_.avail_in);
  }

 private:
  /// Zeros may follow the last member, as tape drives leave them.
  static Bytes skip_padding(Bytes in) {
    while (!in.empty() && in.front() == std::byte{0}) in = in.subspan(1);
    return in;
  }

  z_stream stream_{};
  bool has_ended_ = false;
};

class ZstdDecoder : public Decoder {
 public:
  explicit ZstdDecoder(const std::string& path) : Decoder(path), stream_(ZSTD_createDStream()) {
    if (!stream_) throw std::bad_alloc();
  }

  void finish(const Take&) override {
    if (expected_ != 0) truncated();
  }

 protected:
  Bytes step(Bytes in, std::size_t& given) override {
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out_.data(), out_.size(), 0};
    expected_ = ZSTD_decompressStream(stream_.get(), &to, &from);
    if (ZSTD_isError(expected_) != 0) damaged(ZSTD_getErrorName(expected_));
    given = to.pos;
    return in.subspan(from.pos);
  }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_;
  std::size_t expected_ = 1;  // 0: a frame is over
};

class XzDecoder : public Decoder {
 public:
  explicit XzDecoder(const std::string& path) : Decoder(path) {
    if (lzma_stream_decoder(&stream_, kMostMemory, LZMA_CONCATENATED) != LZMA_OK) {
      throw std::bad_alloc();
    }
  }
  XzDecoder(const XzDecoder&) = delete;
  XzDecoder& operator=(const XzDecoder&) = delete;
  ~XzDecoder() override { lzma_end(&stream_); }

  void finish(const Take& take) override {
    action_ = LZMA_FINISH;
    for (std::size_t given = 1; given > 0 && !has_ended_;) {
      given = 0;
      step({}, given);
      if (given > 0 && !take(Bytes(out_).first(given))) return;
    }
    if (!has_ended_) truncated();
  }

 protected:
  Bytes step(Bytes in, std::size_t& given) override {
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    stream_.avail_in = in.size();
    stream_.next_out = reinterpret_cast<std::uint8_t*>(out_.data());
    stream_.avail_out = out_.size();
    const lzma_ret status = lzma_code(&stream_, action_);
    has_ended_ = status == LZMA_STREAM_END;
    if (status == LZMA_MEMLIMIT_ERROR) damaged("undoing it takes more than 256 MB");
    if (status == LZMA_FORMAT_ERROR) damaged("no xz");
    if (status != LZMA_OK && status != LZMA_BUF_ERROR && !has_ended_) damaged("corrupt xz");
    given = out_.size() - stream_.avail_out;
    return in.last(stream_.avail_in);
  }

 private:
  lzma_stream stream_ = LZMA_STREAM_INIT;
  lzma_action action_ = LZMA_RUN;
  bool has_ended_ = false;
};

template <class T>
std::unique_ptr<Decoder> make(const std::string& path) {
  return std::make_unique<T>(path);
}

struct Compression {
  std::string_view suffix;
  std::unique_ptr<Decoder> (*make)(const std::string& path);
};
constexpr Compression kCompressions[] = {
    {".gz", make<GzipDecoder>}, {".zst", make<ZstdDecoder>}, {".xz", make<XzDecoder>}};

std::unique_ptr<Decoder> decoder_for(const std::string& path) {
  for (const Compression& compression : kCompressions) {
    if (path.ends_with(compression.suffix)) return compression.make(path);
  }
  return nullptr;
}

}  // namespace

std::string_view without_compression(std::string_view path) {
  for (const Compression& compression : kCompressions) {
    if (path.ends_with(compression.suffix)) {
      return path.substr(0, path.size() - compression.suffix.size());
    }
  }
  return path;
}

void read_decoded(const std::string& path, const Take& take) {
  const FileDescriptor file = open_file(path, O_RDONLY);
  LIOR_CHECK(file.is_open(), "{}: cannot be opened ({}); give the path of a readable file",
             shown_path(path), error_text(errno));
  const auto decoder = decoder_for(path);
  std::vector<std::byte> in(kPiece);
  bool is_empty = true;
  while (true) {
    const ssize_t count = ::read(file.get(), in.data(), in.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path, fmt::format("cannot be read ({})", error_text(errno)));
    if (count == 0) break;
    is_empty = false;
    const auto piece = Bytes(in).first(static_cast<std::size_t>(count));
    if (!(decoder ? decoder->push(piece, take) : take(piece))) return;
  }
  if (decoder && is_empty) fail(path, "is empty; a compressed file has a header at least");
  if (decoder) decoder->finish(take);
}

}  // namespace lior::io
