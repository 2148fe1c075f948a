package root

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// version tells, behind "backspan version", the module's version, the commit and the Go version, as the build recorded them.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(built without module information)"
	}
	parts := []string{info.Main.Version, "module " + info.Main.Path}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if commit := settings["vcs.revision"]; commit != "" {
		if settings["vcs.modified"] == "true" {
			commit += " (modified)"
		}
		parts = append(parts, "commit "+commit)
	}
	return strings.Join(append(parts, fmt.Sprintf("built with %s for %s/%s",
		info.GoVersion, settings["GOOS"], settings["GOARCH"])), ", ")
}
