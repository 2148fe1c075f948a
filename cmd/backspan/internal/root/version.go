package root

import (
	"fmt"
	"runtime/debug"
)

// version tells, behind "backspan version", the module's version, the commit and the Go version, as the build
// recorded them.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(built without module information)"
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	commit := ""
	if revision := settings["vcs.revision"]; revision != "" {
		commit = ", commit " + revision
	}
	if settings["vcs.modified"] == "true" {
		commit += " (modified)"
	}
	return fmt.Sprintf("%s, module %s%s, built with %s for %s/%s",
		info.Main.Version, info.Main.Path, commit, info.GoVersion, settings["GOOS"], settings["GOARCH"])
}
