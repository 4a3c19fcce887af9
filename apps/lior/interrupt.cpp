#include "interrupt.h"

#include <signal.h>
#include <unistd.h>

#include "command.h"

namespace lior::app {
namespace {

volatile sig_atomic_t interrupt_count = 0;

void on_interrupt(int) {
  if (interrupt_count > 0) _exit(kInterrupted);
  interrupt_count = 1;
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;  // a file being written is not torn
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return interrupt_count > 0; }

}  // namespace lior::app
