package settings

import (
	"path/filepath"

	"github.com/backspan/backspan/telemetry"
)

// Nested are the variables with which a backspan in a command writes to the files that t writes to. A command may have
// another working directory, so the paths are absolute.
func Nested(t *telemetry.Telemetry) []string {
	var list []string
	for _, s := range []struct{ flag, path string }{
		{"events", t.EventsPath()}, {"trace-file", t.TraceFilePath()},
	} {
		if path, err := filepath.Abs(s.path); s.path != "" && err == nil {
			list = append(list, setting{flag: s.flag}.variable()+"="+path)
		}
	}
	return list
}
