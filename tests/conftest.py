"""What holds for all tests."""

import signal

# A shell's background jobs ignore interrupts, and so would the processes that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
