package settings

import (
	"cmp"
	"strings"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/events"
)

// Targets says which file cannot be written: of those that flags, variables and configuration file name, and of others. Two
// of them that are one file cannot, either.
func (t *Flags) Targets(others ...cli.Target) error {
	if err := t.resolve(); err != nil {
		return err
	}
	list := t.named()
	for _, file := range list {
		if err := file.Appendable(); err != nil {
			return err
		}
	}
	for _, file := range others {
		if file.Path == "" && !t.flags.Changed(strings.TrimPrefix(file.By, "--")) {
			continue
		}
		if err := file.Writable(); err != nil {
			return err
		}
	}
	return cli.Apart(append(list, others...)...)
}

// named are the files as resolve found them.
func (t *Flags) named() []cli.Target {
	list := []cli.Target{{By: "--events", Path: cmp.Or(t.events, events.DefaultPath)}, {By: "--trace-file", Path: t.traceFile}}
	for i, flag := range []string{"events", "trace-file"} {
		list[i].By = cmp.Or(t.from[flag], list[i].By)
	}
	return list
}
