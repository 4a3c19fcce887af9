// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What documents of a text repeat of each other: versions of a page, licences, mails that quote,
/// backups (docs/decisions/031-counts.md: what counts of a training step have to lack).
///
/// A text is looked at in chunks of up to 1,024 tokens of one document. Of each stretch of 24
/// tokens a hash is taken, and one in sixteen, by the hash itself, is a fingerprint of the chunk
/// that it ends in (S. Schleimer, D. S. Wilkerson, A. Aiken, "Winnowing", SIGMOD 2003, section 2).
/// A chunk is a copy where at least half of its fingerprints, of which it has four or more, stood
/// in other documents before: of the chunk that most of them stood in. One with fewer is one where
/// the chunk before it is. A document of one chunk that is equal to another is its copy.

#include <vector>

#include "lior/nn/counts.h"
#include "lior/train/source.h"

namespace lior::train {

struct TextChunk {
  Range range;
  Index document = 0;
  bool is_counted = true;
  Index original = 0;  ///< the chunk that it is a copy of; itself where it is none
};

/// The chunks of these documents: first those of `counted`, stretches of documents in order, whose
/// fingerprints are kept, then those of the rest. Cost: 10 ns a token, and 3 bytes of memory for
/// one that is counted. Asks check_stop().
std::vector<TextChunk> find_copies(const Source& data, const std::vector<Range>& documents,
                                   const std::vector<Range>& counted);

/// The same with no copies but those of documents that are equal as a whole. Cost: 5 ns a token.
std::vector<TextChunk> find_equal_documents(const Source& data,
                                            const std::vector<Range>& documents);

/// Divides a text that ends before `end` into `parts` that count about equally much, such that a
/// copy is in the part of its original. Where there are no copies, into equal stretches.
std::vector<nn::TextCounts::Stretch> divide(const std::vector<TextChunk>& chunks, Index end,
                                            Index parts);

}  // namespace lior::train
