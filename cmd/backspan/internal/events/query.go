package events

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/cmd/backspan/internal/eventfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/eventquery"
	"github.com/backspan/backspan/cmd/backspan/internal/logfiles"
	"github.com/backspan/backspan/cmd/backspan/internal/term"
	"github.com/backspan/backspan/cmd/backspan/internal/text"
	"github.com/backspan/backspan/events"
)

// matcher is what the flags ask for.
func (o *Options) matcher() (*eventquery.Matcher, error) {
	if err := o.checkFormat(); err != nil {
		return nil, err
	}
	f := &o.filter
	f.Where = nil
	var err error
	if f.Since, f.Until, err = eventfiles.Range(o.flags, o.since, o.until); err != nil {
		return nil, err
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

// query is how the files are read.
func (o *Options) query() eventfiles.Query {
	return eventfiles.Query{Streams: o.Streams, Zone: o.style().Zone}
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

// look makes what is shown of each record: as it is, or for a person.
func (o *Options) look() logfiles.Look {
	if o.format == formatJSON {
		return func(lines []byte, l *events.Line) []byte { return append(append(lines, text.JSON(l.Raw())...), '\n') }
	}
	style := o.style()
	return func(lines []byte, l *events.Line) []byte { return append(append(lines, style.Describe(l)...), '\n') }
}

func (o *Options) list(files []string) error {
	m, err := o.matcher()
	if err != nil {
		return err
	}
	out, look := bufio.NewWriterSize(o.Out, 64<<10), o.look()
	if o.format == formatCSV {
		list := eventquery.NewListCSV()
		look = list.Append
		cli.Print(out, list.Head()) // out keeps its error
	}
	_, err = o.query().InOrder(m, files, look, func(piece []byte) error {
		_, err := out.Write(piece)
		return err
	}, out.Flush)
	return err
}

func (o *Options) count(files []string) error {
	m, err := o.matcher()
	if err != nil {
		return err
	}
	counts := make([]counter, logfiles.Workers)
	dropped, some, err := o.query().InAnyOrder(m, files, func(worker int, _ *events.Line) { counts[worker].n++ })
	if !some {
		return err
	}
	o.query().Dropped(dropped)
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
	dropped, some, err := forked(o, m, files, values, func(v *eventquery.Values, l *events.Line) { v.Add(l, key) })
	if !some {
		return err
	}
	o.query().Dropped(dropped)
	return cmp.Or(o.printCounts(values.Sorted()), err)
}

// forked adds each record that matters to all, by a fork of it for each goroutine that reads.
func forked[T interface {
	Fork() T
	Merge(other T)
}](
	o *Options, m *eventquery.Matcher, files []string, all T, add func(T, *events.Line),
) (dropped int64, some bool, err error) {
	forks := make([]T, logfiles.Workers)
	for i := range forks {
		forks[i] = all.Fork()
	}
	dropped, some, err = o.query().InAnyOrder(m, files, func(worker int, l *events.Line) { add(forks[worker], l) })
	for _, fork := range forks {
		all.Merge(fork)
	}
	return dropped, some, err
}
