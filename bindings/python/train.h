// SPDX-License-Identifier: Apache-2.0
#pragma once
// Classes of lior.train that more than one file binds.

#include <memory>

#include "lior/nn/counts.h"
#include "lior/train/source.h"

namespace lior::python {

/// A source under its Python name.
struct Data {
  std::unique_ptr<train::Source> source;
};

/// Counts of a text under their Python name: they do not change.
struct Counts {
  std::shared_ptr<const nn::TextCounts> shared;
  Index vocabulary = 0;

  Index longest() const { return shared->all.longest(); }
};

}  // namespace lior::python
