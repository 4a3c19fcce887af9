// SPDX-License-Identifier: Apache-2.0
#pragma once
// Texts as a source of sequences.

#include "lior/train/source.h"
#include "lior/train/token_text.h"

namespace lior::train {

/// Windows of the training part, stretches of the held-out part. A row lies in one document: a
/// model reads each document from a state that knows nothing. What is left of a row behind a
/// document's end has no targets.
std::unique_ptr<Source> text_source(TokenText text);

}  // namespace lior::train
