// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Signals that ask the program to end: SIGINT (Ctrl-C), SIGTERM, SIGHUP, SIGUSR1 (which mpirun
/// hands on to its ranks, and Slurm sends before a job's time is over), and a broken pipe.
///
/// No handler ever runs. The signals are blocked in every thread, and one thread of their own takes
/// them with sigwait: a handler's frame is written at the stack pointer of the thread that it
/// interrupts, and while oneDNN's sgemm runs that pointer is inside the heap.

namespace lior::app {

/// Blocks the signals, here and in all threads that this one starts, and starts the thread that
/// takes them. To be called in main before any other thread is made. Until catch_interrupts is
/// called a signal ends the program at once with status 128 + its number: 130 after Ctrl-C, 143
/// after SIGTERM, 129 after SIGHUP (which is left alone where it was ignored, as by nohup).
void take_signals();

/// From here on the first signal only sets a flag, and a later one ends the program at once; within
/// half a second it counts as the same press, because some senders signal a process and then its
/// group. A write into a pipe that nobody reads fails with EPIPE and ends nothing by itself.
void catch_interrupts();

/// Whether a signal has come, or request_interrupt was called.
bool interrupted();

/// Asks the command to end as a signal does; a broken pipe calls it. The first request counts.
void request_interrupt(int signal);

/// Takes Ctrl-C back, where it alone has come: the command goes on.
void forgive_interrupt();

/// 128 + the number of the signal that interrupted.
int interrupt_status();

}  // namespace lior::app
