package advice

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// exitType begins the error type of a command that failed, before its exit code.
const exitType = "exit_"

// isWord says whether an error type is a word of its own and not the name of a Go type, nor an exit code, which means
// something else with every command.
func isWord(kind string) bool {
	return kind != "" && !strings.ContainsAny(kind, "*.") && !strings.HasPrefix(kind, exitType)
}

// transientTypes are error types of which nobody says that they are permanent, whatever a log shows: connections, DNS,
// timeouts and overload get well. Those in capitals are of gRPC, the exit codes those of timeout(1) and sysexits.
var transientTypes = []string{
	"timeout", "connection_refused", "connection_reset", "connection_closed", "broken_pipe", "host_unreachable",
	"network_unreachable", "unexpected_eof", "eof", "dns", "cancelled", "signal", "not_started", "abandoned", "lost",
	"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "CANCELLED", "INTERNAL", "UNKNOWN",
	"DATA_LOSS", "UNIMPLEMENTED", "exit_124", "exit_69", "exit_75",
}

// transientPackages are those of Go whose errors are of connections.
var transientPackages = regexp.MustCompile(`^\*?(?:net|url|http|http2|tls|x509|syscall|poll|os|context)\.`)

// transientText is what texts say of such errors.
var transientText = regexp.MustCompile(`(?i)\b(?:connect\w*|dial|dns|lookup|resolv\w*|resolution|no such host|` +
	`network|socket|unreachable|refused|reset|broken pipe|eof|tim(?:ed?|ing)[ -]?out|deadline|unavailable|` +
	`overload\w*|throttl\w*|rate[ -]limit\w*|too many|quota|try again|retry|temporar\w*|busy|locked|deadlock|` +
	`408|425|429|5\d\d)\b`)

// transient says whether errors of c get well by themselves, by their type or their text.
func transient(c class) bool {
	if status, err := strconv.Atoi(c.Type); err == nil {
		return status == 408 || status == 425 || status == 429 || status >= 500
	}
	said := c.Reason
	if isWord(c.Type) {
		said = strings.ReplaceAll(c.Type, "_", " ")
	}
	return slices.Contains(transientTypes, c.Type) || transientPackages.MatchString(c.Type) ||
		transientText.MatchString(said)
}
