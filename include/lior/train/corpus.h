// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Texts as people have them: one file, or several, folders, patterns, compressed files, lines of
/// JSON; as documents, each of which a model reads from its start.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "lior/train/text.h"

namespace lior::train {

/// Which texts.
struct CorpusChoice {
  std::string names{};         ///< files, folders and patterns of paths, one a line; or "-"
  std::string pattern = "*";   ///< of the files in a folder (io/find_files.h)
  std::string field = "text";  ///< of a line of JSON
  std::string separator{};     ///< between documents of a file, with \n, \r, \t, \\; empty: none
  bool is_the_runs = false;    ///< the text of the run whose folder is the cache
};

/// Names as a CorpusChoice has them. Throws lior::Error where one has a line's end in it.
std::string join_names(std::span<const std::string> names);
/// "a.txt, b.txt", for messages.
std::string shown_names(const std::string& names);
/// The same names from any folder.
std::string absolute_names(const std::string& names);

/// Part of a text.
struct Range {
  Index begin = 0, end = 0;

  Index size() const { return end - begin; }
  friend bool operator==(const Range&, const Range&) = default;
};

/// The bytes of all texts, and where documents lie in them. A single plain file or pipe without a
/// separator is one document, read where it lies (text.h); other texts are decoded into memory, or
/// found in a run's folder, where a run keeps them.
///
/// Each file is a document, or several where `separator` stands in it (which belongs to none), and
/// each line of a .jsonl or .ndjson file is one. Empty ones are left out, and so are the folders of
/// runs (checkpoint.h) in a folder that is named, or that fit a pattern.
class Corpus {
 public:
  /// `cache`: a folder that may hold what `keep` wrote there, which is taken where the files are
  /// those that it was made of, by their paths, sizes and times; for the run's own text also where
  /// a name leads nowhere any more, as of a run that has moved to another machine. Throws
  /// lior::Error that names the file, and the line, where something cannot be read (io/decode.h,
  /// io/find_files.h, io/json_field.h), where all is empty, or where the texts are larger than half
  /// of the memory that is available. `interrupted` is asked again and again; the corpus is then of
  /// no use.
  Corpus(
      const CorpusChoice& choice, const std::filesystem::path& cache,
      const std::function<bool()>& interrupted = [] { return false; });

  const TextBytes& text() const { return text_; }
  /// Of the text's bytes, in order.
  const std::vector<Range>& documents() const { return documents_; }
  /// The text's (text.h), and where it has several documents of their places too.
  std::uint64_t fingerprint(const std::function<bool()>& interrupted = [] { return false; }) const;
  /// One line for a person: what was left out, a separator that stands nowhere; or empty.
  const std::string& note() const { return note_; }

  /// Whether it came through a pipe, or was decoded: it is then in memory.
  bool is_pipe() const { return !text_.held().empty() && !is_decoded_; }
  bool is_decoded() const { return is_decoded_; }
  /// Writes what is in memory to folder/data, and what else is known of a decoded corpus to
  /// folder/documents.safetensors. Whoever opens it meanwhile sees it whole, or not.
  void keep(const std::filesystem::path& folder) const;

 private:
  void add_note(const std::string& note);
  bool open_cache(const std::filesystem::path& cache, bool is_any);
  bool open_kept(const CorpusChoice& choice, const std::filesystem::path& cache,
                 const std::function<bool()>& interrupted);
  void open_plain(const std::string& path, const CorpusChoice& choice,
                  const std::function<bool()>& interrupted);

  TextBytes text_;
  std::vector<Range> documents_;
  std::string note_, key_;
  bool is_decoded_ = false;
};

/// The file in a run's folder that holds the bytes of texts that came through a pipe or were
/// decoded.
inline constexpr const char* kTextFile = "data";

/// The part that is trained on, and the part that never is.
struct Split {
  std::vector<Range> training, held_out;
};

/// Holds out `part` of the bytes. Of one document its last floor(size part) bytes. Of several,
/// whole documents: they are drawn by a hash of their bytes, smallest first, those that still fit;
/// so equal documents are drawn together, and most of what was held out before a corpus grew is
/// still held out. Where those have less than half of the part, as two books beside a short note,
/// the tail of each document.
Split split(const Corpus& corpus, double part);

}  // namespace lior::train
