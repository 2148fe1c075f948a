package flaky

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/retry/retrytest/flaky"
)

// Options are what the flags of flaky say.
type Options struct {
	cli.Streams
	script string
	listen string
	json   bool
}

// NewCommand makes the verb flaky.
func NewCommand(std cli.Streams) *cobra.Command {
	o := &Options{Streams: std}
	c := &cobra.Command{
		Use:   "flaky [FILE]",
		Short: "Serve a script of failures, to test clients against",
		Long: `Flaky is an HTTP server that fails as its script says. Each request plays the next step, and the last
step repeats. It prints its address on stdout, and each request with the step that it met on stderr, until it gets a
signal.

A step is a status, pass (200), reset, hang, malformed, or stop (no more connections), with options:
  Retry-After=1   a header; in "quotes" with spaces or commas
  {text}          the body; size=32KiB instead for one of that size
  delay=2s        before the answer; slow=2s for its body
  cut=1KiB        ends the connection after so much of the body; reset=1KiB resets it there
  x3              so often

FILE is YAML (- is standard input), all keys optional:
  script: 503 Retry-After=1, reset, 200 {hello}
  paths:                     # scripts of their own; patterns as those of Go's http.ServeMux
    GET /orders/{id}: [503 x2, '200 {"id": 7}']
  key: X-Test                # a header: requests with the same value play together, from the beginning
  rates: {503: 0.1}          # at random instead of the script
  seed: 7

Tests ask what arrived with GET /_flaky/requests (JSON), and begin anew with DELETE /_flaky/requests.

Exit code: 128+N after signal N, 1 when it cannot listen, 2 usage.`,
		Example: `  backspan flaky --script '503 Retry-After=1, reset, 200 {hello}' --listen 127.0.0.1:8080
  curl --retry 3 http://127.0.0.1:8080/
  curl -s http://127.0.0.1:8080/_flaky/requests | jq length`,
		Args: cli.Args(0, 1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c.Context(), args) },
	}
	f := c.Flags()
	f.StringVar(&o.script, "script", "", "the script, instead of FILE")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "address and port; port 0 is a free one")
	f.BoolVar(&o.json, "json", false, "print the requests as JSON, one a line")
	return c
}

func (o *Options) run(ctx context.Context, args []string) error {
	config, err := o.config(args)
	if err != nil {
		return cli.UsageError(err)
	}
	ctx, stop := cli.WithSignals(ctx)
	defer stop()
	var printing sync.Mutex
	config.Addr = o.listen
	config.Log = func(r flaky.Request) {
		printing.Lock()
		defer printing.Unlock()
		o.print(r)
	}
	config.Around = answerTests
	server, err := flaky.Start(config)
	if err != nil { // the scripts were checked before
		return fmt.Errorf("--listen: %w", err)
	}
	if _, err := fmt.Fprintln(o.Out, server.URL()); err != nil {
		return errors.Join(err, server.Close())
	}
	<-ctx.Done()
	if err := server.Close(); err != nil {
		return err
	}
	signal, _ := errors.AsType[cli.SignalError](context.Cause(ctx))
	return &cli.ExitError{Code: signal.Code()}
}

// config is what FILE or --script says.
func (o *Options) config(args []string) (flaky.Config, error) {
	switch {
	case len(args) == 0:
		if err := flaky.Check(o.script); err != nil {
			return flaky.Config{}, fmt.Errorf("--script: %w", err)
		}
		return flaky.Config{Script: o.script}, nil
	case o.script != "":
		return flaky.Config{}, errors.New("a file and --script: want one of them")
	}
	const most = 1 << 20
	name := args[0]
	content, err := cli.ReadInput(name, o.In, most)
	switch {
	case err != nil:
		return flaky.Config{}, err
	case len(content) > most:
		return flaky.Config{}, fmt.Errorf("%s has more than %d bytes", name, most)
	}
	return parse(name, bytes.NewReader(content))
}

// print prints a request that has ended.
func (o *Options) print(r flaky.Request) {
	if o.json {
		line, err := json.Marshal(record(r))
		if err == nil {
			cli.Printf(o.Err, "%s\n", line)
		}
		return
	}
	left := ""
	if r.Left {
		left = ", and the client left"
	}
	cli.Printf(o.Err, "%s  %s %s: %s%s, took %s\n", r.Time.Format("15:04:05.000"),
		text.Line(r.Method), text.Line(r.URL), text.Line(r.Step), left, text.Duration(r.Took.Round(time.Microsecond)))
}
