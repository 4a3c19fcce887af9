// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What it takes to send between ranks, as the constants of LogGP (A. Alexandrov et al., SPAA
/// 1995), by which docs/scaling.md computes.

#include "lior/comm/communicator.h"

namespace lior::check {

/// An exchange of k bytes from each of P ranks to each other one takes (P - 1)(latency + k / B).
struct LinkSpeed {
  double latency = 0;    ///< L + 2 o, in seconds
  double bandwidth = 0;  ///< B, in bytes a second that a rank sends, and receives meanwhile
};

/// The constants by the times of two exchanges, of `few` bytes and of `many`.
LinkSpeed link_speed(Index ranks, Index few, double few_seconds, Index many, double many_seconds);

/// Of these ranks, by exchanges of 8 bytes and of 4 MB: of each the least time of 15 batches, at
/// the slowest rank. Takes some 62 times 4 MB of sending. Collective. Throws lior::Error where
/// there is one rank.
LinkSpeed measure_link(comm::Communicator& ranks);

}  // namespace lior::check
