package events

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// workers is how many goroutines read a file whose order does not matter. More than a few would wait for the reading,
// and each takes memory.
var workers = min(runtime.GOMAXPROCS(0), 4)

// matcher is what the flags ask for.
func (o *Options) matcher() (*eventquery.Matcher, error) {
	if err := o.checkFormat(); err != nil {
		return nil, err
	}
	f := &o.filter
	f.Where = nil
	for flag, text := range map[string]string{"since": o.since, "until": o.until} {
		if text == "" && o.flags.Changed(flag) {
			_, err := eventquery.ParseTime(text, time.Now())
			return nil, cli.UsageError(fmt.Errorf("--%s: %w", flag, err))
		}
	}
	var err error
	if f.Since, f.Until, err = eventquery.ParseRange(o.since, o.until, time.Now()); err != nil {
		return nil, cli.UsageError(err)
	}
	for _, text := range o.where {
		condition, err := eventquery.ParseCondition(text)
		if err != nil {
			return nil, cli.UsageError(fmt.Errorf("--where: %w", err))
		}
		f.Where = append(f.Where, condition)
	}
	if err := f.Check(); err != nil {
		return nil, cli.UsageError(fmt.Errorf("--%w", err))
	}
	return f.Compile(), nil
}

func (o *Options) style() eventquery.Style {
	terminal := o.Terminal(o.Out)
	s := eventquery.Style{Color: terminal.Color, Zone: time.Local}
	if o.utc {
		s.Zone = time.UTC
	}
	if file, ok := o.Out.(*os.File); ok && term.IsTerminal(file) {
		s.Width, _ = terminal.Size()
		s.ASCII = terminal.ASCII
	}
	return s
}

// write writes one record to w.
func (o *Options) write(w *bufio.Writer, s eventquery.Style, l *events.Line) error {
	if o.format == formatJSON {
		_, err := w.Write(text.JSON(l.Raw()))
		return errors.Join(err, w.WriteByte('\n'))
	}
	_, err := w.WriteString(s.Describe(l) + "\n")
	return err
}

func (o *Options) list(files []string) error {
	m, err := o.matcher()
	if err != nil {
		return err
	}
	out, style := bufio.NewWriterSize(o.Out, 64<<10), o.style()
	write, flush := func(l *events.Line) error { return o.write(out, style, l) }, out.Flush
	if o.format == formatCSV {
		list := eventquery.NewListCSV(out)
		write, flush = list.Write, func() error { return errors.Join(list.Flush(), out.Flush()) }
	}
	_, err = o.inOrder(m, files, write, flush)
	return err
}

// inOrder calls do for each record that matters, in the order of time when there are several files, and then ended,
// before anything is said of the files. some is as of each.
func (o *Options) inOrder(
	m *eventquery.Matcher, files []string, do func(*events.Line) error, ended func() error,
) (some bool, err error) {
	var dropped atomic.Int64
	var looked search
	list := o.opened(files, m.Since())
	order, err := logfiles.Merge(list, func(l *events.Line) bool {
		if n := m.Dropped(l); n > 0 {
			dropped.Add(n)
		}
		matches := m.Matches(l)
		looked.at(l, matches)
		return matches
	}, do)
	if err = errors.Join(err, ended()); err != nil {
		logfiles.CloseAll(list)
		return false, err
	}
	some, err = o.ended(list)
	o.late(order)
	o.dropped(dropped.Load())
	if some {
		o.found(m, list, looked.found.Load(), &looked.period)
	}
	return some, err
}

// inAnyOrder calls do for each record that matters, from several goroutines, each of which has a number of its own.
// some is as of each.
func (o *Options) inAnyOrder(
	m *eventquery.Matcher, files []string, do func(worker int, l *events.Line),
) (dropped int64, some bool, err error) {
	looked := make([]looking, workers)
	list := o.opened(files, m.Since())
	some, err = o.each(list, func(r *events.Reader) {
		_ = r.Each(workers, func(worker int, l *events.Line) { // whose error r.Err returns as well
			w := &looked[worker]
			w.dropped += m.Dropped(l)
			switch {
			case m.Matches(l):
				w.found = true
				do(worker, l)
			case !w.found:
				w.period.Add(l)
			}
		})
	})
	if !some {
		return 0, false, err
	}
	var all looking
	for i := range looked {
		all.found = all.found || looked[i].found
		all.dropped += looked[i].dropped
		all.period.Merge(&looked[i].period)
	}
	o.found(m, list, all.found, &all.period)
	return all.dropped, true, err
}

func (o *Options) count(files []string) error {
	m, err := o.matcher()
	if err != nil {
		return err
	}
	counts := make([]counter, workers)
	dropped, some, err := o.inAnyOrder(m, files, func(worker int, _ *events.Line) { counts[worker].n++ })
	if !some {
		return err
	}
	o.dropped(dropped)
	total := int64(0)
	for _, c := range counts {
		total += c.n
	}
	switch o.format {
	case formatJSON:
		return cmp.Or(json.NewEncoder(o.Out).Encode(map[string]int64{"count": total}), err)
	case formatCSV:
		cli.Print(o.Out, "count\n")
	}
	_, failed := fmt.Fprintln(o.Out, total)
	return cmp.Or(failed, err)
}

// A counter is one goroutine's; it fills a cache line, which would else go to and fro between them.
type counter struct {
	n int64
	_ [56]byte
}

func (o *Options) countBy(files []string, by string) error {
	key, err := eventquery.ParseKey(by)
	if err != nil {
		return cli.UsageError(fmt.Errorf("--by: %w", err))
	}
	m, err := o.matcher()
	if err != nil {
		return err
	}
	values := eventquery.NewValues()
	some, err := o.inOrder(m, files, func(l *events.Line) error {
		values.Add(l, key)
		return nil
	}, func() error { return nil })
	if !some {
		return err
	}
	return cmp.Or(o.printCounts(values.Sorted()), err)
}
