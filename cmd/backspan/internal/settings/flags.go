package settings

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/telemetry"
)

// Flags are the telemetry flags of a command that makes spans. Register comes first.
type Flags struct {
	FlagSet *pflag.FlagSet // all flags of the command
	Session string         // the session of the spans; empty: that of the process around, else a new one

	typedOnly bool             // variables and file are not read, but for what is to be masked
	maskAll   bool             // what is to be masked could not be found out
	values    map[string]given // by flag; nil before resolve
	withheld  *otelenv.Withheld
	metrics   bool // they are sent to a collector
}

// Help is for the Long of the commands that have the flags.
const Help = `Telemetry flags win over their variables ($BACKSPAN_EVENTS for --events, $BACKSPAN_OTLP_ENDPOINT
for --otlp-endpoint, and so on), these over OpenTelemetry's ($OTEL_…), and these over the configuration file:
$BACKSPAN_CONFIG, else backspan/config.yaml where the user's configuration is (~/.config on Linux), with the
flags' names as keys: otlp_endpoint. Headers for the collector count only with an endpoint from the same place or from
one after it, and never with a collector that was only found on this machine.`

// EnvironmentHelp lists what else is read from the environment.
const EnvironmentHelp = `  BACKSPAN_CONFIG      the configuration file, or off
  BACKSPAN_JAEGER_URL  where Jaeger's pages are (default port 16686 of the collector's host)
  GITHUB_ACTIONS       true: run and exec tell there what was retried, see their --ci
  NO_COLOR             any value: no colours; CLICOLOR_FORCE=1: colours everywhere; --color wins over both
  COLUMNS              the width to draw in, when it is no terminal`

// Register adds the flags to c, with their completions. traceFile is the default of --trace-file.
func (t *Flags) Register(c *cobra.Command, traceFile string) {
	f := c.Flags()
	t.FlagSet = f
	f.String("events", "", "events `file`, or off (default $BACKSPAN_EVENTS, else "+events.DefaultPath+")")
	f.String("trace-file", traceFile, "OTLP JSON `file` that Jaeger's upload opens, or off ($BACKSPAN_TRACE_FILE)")
	f.String("otlp-endpoint", "", "`address` of the collector (default $BACKSPAN_OTLP_ENDPOINT, else "+
		"$OTEL_EXPORTER_OTLP_ENDPOINT, else localhost:4317 if something listens)")
	f.Bool("otlp-insecure", false, "talk to the collector without TLS, and send it headers that way "+
		"($BACKSPAN_OTLP_INSECURE=true)")
	f.StringArray("otlp-header", nil, "`key=value` to send to the collector; may be repeated. ps shows it: "+
		"secrets belong in $BACKSPAN_OTLP_HEADER (commas between), and the endpoint in $BACKSPAN_OTLP_ENDPOINT")
	f.String("service", "", "service.`name` of the spans (default $BACKSPAN_SERVICE, else $OTEL_SERVICE_NAME, "+
		"else the program's name)")
	f.String("sample", "", "`share` of the traces to export, from 0 to 1 (default $BACKSPAN_SAMPLE, else "+
		"$OTEL_TRACES_SAMPLER, else 1)")
	f.Bool("no-export", false,
		"export nothing; events and trace file are written all the same ($BACKSPAN_NO_EXPORT=true)")
	f.StringArray(redactFlag, nil,
		"mask what this `REGEX` matches in error texts, besides known secrets, or off; may be "+
			"repeated ($BACKSPAN_REDACT)")
	cli.Complete(c, redactFlag, []string{telemetry.Off})
	cli.Complete(c, "otlp-endpoint", []string{"localhost:4317", "localhost:4318", "http://", "https://", "unix:///"})
	for _, flag := range []string{"otlp-header", "service", "sample"} {
		cli.Complete(c, flag, []string{}) // no files
	}
}

// TypedOnly returns the flags as if there were no variables and no file.
func (t *Flags) TypedOnly() *Flags { return &Flags{FlagSet: t.FlagSet, typedOnly: true} }

// resolve finds the value of each setting.
func (t *Flags) resolve() (err error) {
	if t.values != nil {
		return nil
	}
	var file map[string]given
	if !t.typedOnly {
		if file, err = readFile(); err != nil {
			return err
		}
	}
	values := map[string]given{}
	for _, s := range all {
		v := s.typed(t.FlagSet)
		if v.by == "" && !t.typedOnly {
			if v, err = s.untyped(file); err != nil {
				return err
			}
		}
		if s.flag == redactFlag && v.by == "" && t.typedOnly {
			v = t.otherExpressions(s)
		}
		if v.by != "" {
			if err := s.check(v); err != nil {
				return err
			}
		}
		values[s.flag] = v
	}
	t.values = values
	return nil
}

// text is the value of a setting that is no list, after resolve.
func (t *Flags) text(flag string) string {
	if v := t.values[flag]; v.by != "" {
		return v.texts[0]
	}
	return t.FlagSet.Lookup(flag).DefValue
}

func (t *Flags) yes(flag string) bool {
	yes, _ := cli.ParseBool(t.text(flag)) // resolve has checked it
	return yes
}
