// SPDX-License-Identifier: Apache-2.0
#include "interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace lior::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kStatusOfSignal = 128;
constexpr auto kSamePress = std::chrono::milliseconds(500);

std::atomic<int> first_signal = 0;
std::atomic<bool> caught = false;

bool is_ignored(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGUSR1);
  if (!is_ignored(SIGHUP)) sigaddset(&set, SIGHUP);
  return set;
}

void wait_for_signals(sigset_t set) {
  Clock::time_point first;
  while (true) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0) continue;
    if (!caught) _exit(kStatusOfSignal + signal);
    if (!interrupted()) {
      first = Clock::now();
      request_interrupt(signal);
    } else if (Clock::now() - first > kSamePress) {
      _exit(interrupt_status());
    }
  }
}

}  // namespace

void take_signals() {
  const sigset_t set = ending_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread(wait_for_signals, set).detach();
}

void catch_interrupts() {
  signal(SIGPIPE, SIG_IGN);
  caught = true;
}

bool interrupted() { return first_signal != 0; }

void request_interrupt(int signal) {
  int none = 0;
  first_signal.compare_exchange_strong(none, signal);
}

void forgive_interrupt() {
  int pressed = SIGINT;
  first_signal.compare_exchange_strong(pressed, 0);
}

int interrupt_status() { return kStatusOfSignal + first_signal; }

}  // namespace lior::app
