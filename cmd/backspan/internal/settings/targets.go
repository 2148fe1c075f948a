package settings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/telemetry"
)

// DefaultTraceFile is where demo and run write their spans unless told otherwise.
const DefaultTraceFile = telemetry.DefaultTraceFile

// EventsFile is the events file to read when none is named.
func EventsFile() string { return fileOf("events", events.DefaultPath) }

// TraceFile is the trace file to read when none is named.
func TraceFile() string { return fileOf("trace-file", DefaultTraceFile) }

// fileOf is the file that is given for a setting, not counting its flag, else otherwise.
func fileOf(flag, otherwise string) string {
	file, _ := readFile() // a bad file has been refused before any command ran
	s := all[slices.IndexFunc(all, func(s setting) bool { return s.flag == flag })]
	if v, err := s.untyped(file); err == nil && v.by != "" {
		return v.texts[0]
	}
	return otherwise
}

// Targets says which file cannot be written: of those that flags, variables and configuration file name, and of
// others. Two of them that are one file cannot, either.
func (t *Flags) Targets(others ...cli.Target) error {
	if err := t.resolve(); err != nil {
		return err
	}
	list := t.targets()
	for _, file := range list {
		if file.Path == events.DefaultPath && t.values["events"].by == "" {
			continue // nobody named it: telemetry tells what is wrong with it, and goes on without
		}
		if err := file.Appendable(); err != nil {
			return err
		}
	}
	if v := t.values["events"]; v.by != "" && t.text("events") != telemetry.Off {
		if err := events.CheckPath(t.text("events")); err != nil {
			return cli.UsageError(fmt.Errorf("%s is %q, want the name of a file (%w)", v.by, t.text("events"), err))
		}
	}
	for _, file := range others {
		if file.Path == "" && !t.FlagSet.Changed(strings.TrimPrefix(file.By, "--")) {
			continue
		}
		if err := file.Writable(); err != nil {
			return err
		}
	}
	return cli.Apart(append(list, others...)...)
}

// targets are the files that spans and events are appended to.
func (t *Flags) targets() []cli.Target {
	return []cli.Target{
		{By: cmp.Or(t.values["events"].by, "--events"), Path: cmp.Or(t.text("events"), events.DefaultPath)},
		{
			By: cmp.Or(t.values["trace-file"].by, "--trace-file"), Path: t.text("trace-file"),
			Origin: t.text("trace-file") == DefaultTraceFile,
		},
	}
}
