#pragma once
/// Ctrl-C: the first asks the command to end well, the second ends the program at once.

namespace lior::app {

/// From here on SIGINT sets a flag; a second one exits with status 130.
void catch_interrupts();
bool interrupted();

}  // namespace lior::app
