package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

// sizes says how much is measured.
type sizes struct {
	effort
	operations int // that wait at once
	phases     int // of a pipeline
}

func main() {
	rounds := flag.Int("rounds", 31, "how often each contender takes its turn")
	slice := flag.Duration("slice", 10*time.Millisecond, "how long a turn is")
	flag.Parse()
	if flag.NArg() > 0 || *rounds < 1 || *slice <= 0 {
		flag.Usage()
		os.Exit(2)
	}
	err := run(os.Stdout, sizes{effort{*rounds, *slice}, 100_000, 10_000})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures everything and prints it to w.
func run(w io.Writer, s sizes) error {
	p := &page{w: w}
	p.printf("%s, %s/%s, %d processors, %d rounds of %v\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), s.rounds, s.slice)
	for _, part := range []func(*page, sizes) error{
		measurePhases, // without an SDK: measureRetries installs one
		measureRetries, measureRecords, measureProcessor, measureTraceFile,
		measureWaiting, // last: the runtime never frees a goroutine, and the garbage collector scans them all
	} {
		if err := part(p, s); err != nil {
			return err
		}
	}
	p.verdicts()
	return p.err
}
