package settings

import (
	"path/filepath"

	"github.com/backspan/backspan/internal/safefile"
	"github.com/backspan/backspan/telemetry"
)

// Nested are the variables with which a backspan in a command writes to the files that tel writes to. A command may
// have another working directory, so the paths are absolute, and without symbolic links on the way, which are not
// followed. That backspan leaves it to this one to tell what was retried, if this one will know it from the trace file,
// and when it is not to be told.
func (t *Flags) Nested(tel *telemetry.Telemetry) []string {
	var list []string
	if t.text(ciFlag) == telemetry.Off || t.GitHub() && tel.TraceFilePath() != "" {
		list = append(list, setting{flag: ciFlag}.variable()+"="+telemetry.Off)
	}
	for _, s := range []struct{ flag, path string }{
		{"events", tel.EventsPath()}, {"trace-file", tel.TraceFilePath()},
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
