package events

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// workers is how many goroutines read a file whose order does not matter. More than a few would wait for the reading,
// and each takes memory.
var workers = min(runtime.GOMAXPROCS(0), 4)

// matcher is what the flags ask for.
func (o *Options) matcher() (*eventquery.Matcher, error) {
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
	s := eventquery.Style{Color: o.Terminal(o.Out).Color, Zone: time.Local}
	if o.utc {
		s.Zone = time.UTC
	}
	return s
}

// write writes one record to w.
func (o *Options) write(w *bufio.Writer, s eventquery.Style, l *events.Line) error {
	if o.json {
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
	_, err = o.inOrder(m, files, func(l *events.Line) error { return o.write(out, style, l) }, out.Flush)
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
	if o.json {
		return cmp.Or(json.NewEncoder(o.Out).Encode(map[string]int64{"count": total}), err)
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
		if v := key.Of(l); v != nil {
			values.Add(v)
		}
		return nil
	}, func() error { return nil })
	if !some {
		return err
	}
	return cmp.Or(o.printCounts(values.Sorted()), err)
}

func (o *Options) stats(files []string) error {
	m, err := o.matcher()
	if err != nil {
		return err
	}
	if split := o.filter.Splits(); split != "" {
		return cli.UsageError(fmt.Errorf("stats sums up whole calls, and --%s keeps some of their events and leaves "+
			"out others: want --operation, --phase, --session, --trace, --since, --until, or --where with host, "+
			"service or pid; count and list take every filter", split))
	}
	all := eventquery.NewCounter()
	counters := make([]*eventquery.Counter, workers)
	for i := range counters {
		counters[i] = all.Fork()
	}
	dropped, some, err := o.inAnyOrder(m, files, func(worker int, l *events.Line) { counters[worker].Add(l) })
	if !some {
		return err
	}
	for _, c := range counters {
		all.Merge(c)
	}
	all.AddDropped(dropped)
	if o.json {
		return cmp.Or(cli.WriteJSON(o.Out, all.Stats()), err)
	}
	return cmp.Or(all.Stats().Write(o.Out, o.style().Zone), err)
}

// printCounts prints how often each value was seen, the commonest first, and others as one. Records without the key
// are not counted.
func (o *Options) printCounts(list []eventquery.ValueCount, others int64) error {
	if others > 0 {
		cli.Printf(o.Err, "backspan: more than %d different values: those that came last are counted together as %s; "+
			"a filter makes them fewer\n",
			len(list), eventquery.Others)
		list = append(list, eventquery.ValueCount{Value: eventquery.Others, Count: others})
	}
	out := bufio.NewWriter(o.Out)
	lines := json.NewEncoder(cli.SafeJSON{W: out})
	for _, c := range list {
		var err error
		if o.json {
			err = lines.Encode(c)
		} else {
			_, err = fmt.Fprintf(out, "%8d  %s\n", c.Count, text.Line(c.Value))
		}
		if err != nil {
			return err
		}
	}
	return out.Flush()
}
