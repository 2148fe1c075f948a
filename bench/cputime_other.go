//go:build !unix

package main

import "time"

var started = time.Now()

// cpuTime is the time that passed: the next best thing.
func cpuTime() time.Duration { return time.Since(started) }
