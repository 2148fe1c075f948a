package safefile

import "golang.org/x/sys/unix"

// searchOnly opens a directory just to go through it, which needs no right to list it (/home is often 0711).
const searchOnly = unix.O_PATH
