"""Which system calls a program may make: profiles read, compiled and kept. Loading one is runtime.linux.seccomp's."""
