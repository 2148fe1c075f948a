package settings

import (
	"path/filepath"

	"github.com/backspan/backspan/internal/safefile"
	"github.com/backspan/backspan/telemetry"
)

// Nested are the variables with which a backspan in a command writes to the files that t writes to. A command may have
// another working directory, so the paths are absolute, and without symbolic links on the way, which are not followed.
func Nested(t *telemetry.Telemetry) []string {
	var list []string
	for _, s := range []struct{ flag, path string }{
		{"events", t.EventsPath()}, {"trace-file", t.TraceFilePath()},
	} {
		if s.path == "" {
			continue
		}
		path, err := filepath.Abs(s.path)
		if err == nil {
			path, err = safefile.Resolve(path) // a shell's $PWD may hold links
		}
		if err == nil {
			list = append(list, setting{flag: s.flag}.variable()+"="+path)
		}
	}
	return list
}
