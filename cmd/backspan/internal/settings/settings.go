package settings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/cmd/backspan/internal/cli"
	"github.com/backspan/backspan/events"
	"github.com/backspan/backspan/internal/otelenv"
	"github.com/backspan/backspan/telemetry"
)

// Flags are the flags that every command with spans has. What a flag says wins over its BACKSPAN_ variable, that
// over OpenTelemetry's own variables, these over the configuration file, and that over the defaults.
type Flags struct {
	events    string
	traceFile string
	endpoint  string
	insecure  bool
	headers   []string
	service   string
	sample    string
	noExport  bool

	flags *pflag.FlagSet    // where they are registered
	from  map[string]string // by flag: who said it, after resolve
}

// A setting is one of the flags, with where else it is said.
type setting struct {
	flag   string
	want   string   // what it is, where nothing at all is a mistake: a shell's variable that is not set
	list   bool     // may be repeated; name=value in the variable, with commas between; a mapping in the file
	fields []string // the fields of telemetry.Config that it fills
	otel   []string // OpenTelemetry's variables, which win over the file
}

var all = []setting{
	{flag: "events", want: "the name of a file, or off", fields: []string{"Events"}},
	{flag: "trace-file", want: "the name of a file, or off", fields: []string{"TraceFile"}},
	{
		flag: "otlp-endpoint", want: "the address of a collector", fields: []string{"Endpoint"},
		otel: []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_EXPORTER"},
	},
	{
		flag: "otlp-insecure", fields: []string{"Insecure"},
		// A way of reaching one endpoint says nothing of another.
		otel: []string{
			"OTEL_EXPORTER_OTLP_TRACES_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE",
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT",
		},
	},
	{
		flag: "otlp-header", list: true, fields: []string{"Headers"},
		otel: []string{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"},
	},
	{
		flag: "service", want: "a name", fields: []string{"Service"},
		otel: []string{"OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"},
	},
	{
		flag: "sample", want: "a share from 0 to 1", fields: []string{"Sampler", "SamplerArg"},
		otel: []string{"OTEL_TRACES_SAMPLER"},
	},
	{flag: "no-export", fields: []string{"NoExport"}, otel: []string{"OTEL_TRACES_EXPORTER"}},
}

func (s setting) variable() string {
	return "BACKSPAN_" + strings.ToUpper(strings.ReplaceAll(s.flag, "-", "_"))
}

// key is its name in the configuration file.
func (s setting) key() string { return strings.ReplaceAll(s.flag, "-", "_") }

// Help is for the Long of the commands that have the flags.
const Help = `Telemetry flags win over their variables ($BACKSPAN_EVENTS for --events, $BACKSPAN_OTLP_ENDPOINT for --otlp-endpoint,
and so on), these over OpenTelemetry's ($OTEL_…), and these over the configuration file: $BACKSPAN_CONFIG, else
backspan/config.yaml where the user's configuration is (~/.config on Linux), with the flags' names as keys: otlp_endpoint.`

// EnvironmentHelp lists what else is read from the environment.
const EnvironmentHelp = `  BACKSPAN_CONFIG      the configuration file, or off
  BACKSPAN_JAEGER_URL  where Jaeger's pages are (default port 16686 of the collector's host)
  NO_COLOR             any value: no colours; CLICOLOR_FORCE=1: colours everywhere; --color wins over both
  COLUMNS              the width to draw in, when it is no terminal`

// Register adds the flags to c, with their completions. traceFile is where c writes its trace file when nothing is said.
func (t *Flags) Register(c *cobra.Command, traceFile string) {
	t.register(c.Flags(), traceFile)
	complete(c)
}

// register adds the flags to f. traceFile is where the command writes its trace file when nothing is said.
func (t *Flags) register(f *pflag.FlagSet, traceFile string) {
	t.flags = f
	f.StringVar(&t.events, "events", "", "events `file`, or off (default $BACKSPAN_EVENTS, else "+events.DefaultPath+")")
	f.StringVar(&t.traceFile, "trace-file", traceFile, "OTLP JSON `file` that Jaeger's upload opens, or off ($BACKSPAN_TRACE_FILE)")
	f.StringVar(&t.endpoint, "otlp-endpoint", "", "`address` of the collector (default $BACKSPAN_OTLP_ENDPOINT, else "+
		"$OTEL_EXPORTER_OTLP_ENDPOINT, else localhost:4317 if something listens)")
	f.BoolVar(&t.insecure, "otlp-insecure", false, "talk to the collector without TLS ($BACKSPAN_OTLP_INSECURE=true)")
	f.StringArrayVar(&t.headers, "otlp-header", nil, "`key=value` to send to the collector; may be repeated "+
		"($BACKSPAN_OTLP_HEADER, commas between)")
	f.StringVar(&t.service, "service", "", "service.`name` of the spans (default $BACKSPAN_SERVICE, else $OTEL_SERVICE_NAME, "+
		"else the program's name)")
	f.StringVar(&t.sample, "sample", "", "`share` of the traces to export, from 0 to 1 (default $BACKSPAN_SAMPLE, else "+
		"$OTEL_TRACES_SAMPLER, else 1)")
	f.BoolVar(&t.noExport, "no-export", false, "export nothing; events and trace file are written all the same "+
		"($BACKSPAN_NO_EXPORT=true)")
}

// complete keeps the shell from offering files where none is wanted.
func complete(c *cobra.Command) {
	cli.Complete(c, "otlp-endpoint", []string{"localhost:4317", "localhost:4318", "http://", "https://", "unix:///"})
	for _, flag := range []string{"otlp-header", "service", "sample"} {
		cli.Complete(c, flag, []string{})
	}
}

// resolve fills the flags that were not typed from the variables and the file, and notes who said what.
func (t *Flags) resolve() error {
	if t.from != nil {
		return t.empty()
	}
	file, err := ReadFile()
	if err != nil {
		return err
	}
	t.from = map[string]string{}
	for _, s := range all {
		texts, from, err := s.find(t.flags, file)
		if err != nil {
			return cli.UsageError(err)
		}
		if from == "" {
			continue
		}
		t.from[s.flag] = from
		flag := t.flags.Lookup(s.flag)
		if list, ok := flag.Value.(pflag.SliceValue); ok && from != "--"+s.flag {
			err = list.Replace(texts)
		} else if len(texts) > 0 {
			if flag.Value.Type() == "bool" {
				if _, err := cli.ParseBool(texts[0]); err != nil {
					return cli.BadValue(from, texts[0], err)
				}
			}
			err = flag.Value.Set(texts[0])
		}
		if err != nil {
			return err
		}
	}
	return cmp.Or(t.reload(), t.empty())
}

// empty says which setting was said to be nothing at all.
func (t *Flags) empty() error {
	for _, s := range all {
		from, said := t.from[s.flag]
		if said && s.want != "" && strings.TrimSpace(t.flags.Lookup(s.flag).Value.String()) == "" {
			return cli.BadValue(from, "", errors.New("want "+s.want))
		}
	}
	return nil
}

// reload reads the flags again: t may be a copy of what is registered.
func (t *Flags) reload() (err error) {
	for name, into := range map[string]*string{
		"events": &t.events, "trace-file": &t.traceFile, "otlp-endpoint": &t.endpoint, "service": &t.service, "sample": &t.sample,
	} {
		*into = t.flags.Lookup(name).Value.String()
	}
	var insecure, noExport, headers error
	t.insecure, insecure = t.flags.GetBool("otlp-insecure")
	t.noExport, noExport = t.flags.GetBool("no-export")
	t.headers, headers = t.flags.GetStringArray("otlp-header")
	return cmp.Or(insecure, noExport, headers)
}

// find returns who says something about the setting, and what when it is not the flag, which has it already. It is
// empty when it is left to OpenTelemetry's variables or the default.
func (s setting) find(flags *pflag.FlagSet, file map[string]fileValue) (texts []string, from string, err error) {
	if flags.Changed(s.flag) {
		return nil, "--" + s.flag, nil
	}
	if text := strings.TrimSpace(os.Getenv(s.variable())); text != "" {
		texts = []string{text}
		if s.list {
			pairs, err := otelenv.Pairs(text)
			if err != nil { // err holds a part of text, which may be a secret
				return nil, "", fmt.Errorf("%s cannot be used, want %s", s.variable(), otelenv.WantPairs)
			}
			texts = nil
			for _, pair := range pairs {
				texts = append(texts, pair.Name+"="+pair.Value)
			}
		}
		return texts, s.variable(), nil
	}
	if s.saidToOpenTelemetry() {
		return nil, "", nil
	}
	v := file[s.key()]
	return v.texts, v.at, nil
}

// saidToOpenTelemetry says whether one of OpenTelemetry's variables decides.
func (s setting) saidToOpenTelemetry() bool {
	for _, name := range s.otel {
		value := strings.TrimSpace(os.Getenv(name))
		switch {
		case value == "":
		case s.flag == "otlp-endpoint" && name == "OTEL_TRACES_EXPORTER" && strings.EqualFold(value, "otlp"):
			// That says how, and not where to.
		case name == "OTEL_RESOURCE_ATTRIBUTES" && !strings.Contains(value, "service.name="):
		default:
			return true
		}
	}
	return false
}

// Config is what flags, variables and file say to package telemetry, for a command that starts it. It refuses what
// telemetry.Start would refuse, by the names that the user knows.
func (t *Flags) Config(processors ...sdktrace.SpanProcessor) (telemetry.Config, error) {
	if err := t.Targets(); err != nil {
		return telemetry.Config{}, err
	}
	c, err := t.Settings(processors...)
	if err != nil {
		return c, err
	}
	env := otelenv.Read(Program(c, t.Source))
	if err := cmp.Or(env.Propagators.Err, env.Err()); err != nil {
		return c, cli.UsageError(err)
	}
	return c, nil
}

// Program is what c says of the settings that otelenv reads. name is what the user calls a field of c.
func Program(c telemetry.Config, name func(field string) string) otelenv.Program {
	return otelenv.Program{
		Service: c.Service, Sampler: c.Sampler, SamplerArg: c.SamplerArg, Endpoint: c.Endpoint, Protocol: c.Protocol,
		Headers: c.Headers, Insecure: c.Insecure, NoExport: c.NoExport, Name: name,
	}
}

// Settings is Config without a check of the values, for a command that only reports them.
func (t *Flags) Settings(processors ...sdktrace.SpanProcessor) (telemetry.Config, error) {
	if err := cmp.Or(t.resolve(), cli.Apart(t.named()...)); err != nil {
		return telemetry.Config{}, err
	}
	c := telemetry.Config{
		Service:    t.service,
		Events:     t.events,
		Endpoint:   t.endpoint,
		Insecure:   t.insecure,
		NoExport:   t.noExport,
		Discover:   true,
		Console:    os.Stderr, // stdout is for what the command itself says
		Processors: processors,
	}
	if t.traceFile != telemetry.Off {
		c.TraceFile = t.traceFile
	}
	for _, h := range t.headers {
		key, value, ok := strings.Cut(h, "=")
		if !ok || key == "" {
			shown := " is " + strconv.Quote(h)
			if t.from["otlp-header"] != "--otlp-header" {
				shown = " holds something" // what was not typed just now may be a secret
			}
			return c, cli.UsageError(fmt.Errorf("%s%s, want key=value", t.from["otlp-header"], shown))
		}
		if c.Headers == nil {
			c.Headers = map[string]string{}
		}
		c.Headers[key] = value
	}
	if t.sample != "" {
		if share, err := strconv.ParseFloat(t.sample, 64); err != nil || !(share >= 0 && share <= 1) {
			return c, cli.BadValue(t.from["sample"], t.sample, errors.New("want a share from 0 to 1"))
		}
		c.Sampler, c.SamplerArg = "parentbased_traceidratio", t.sample
	}
	return c, nil
}

// Source returns who filled a field of telemetry.Config: a flag, a variable, or a line of the file. It returns the
// field's name when nobody did.
func (t *Flags) Source(field string) string {
	for _, s := range all {
		if slices.Contains(s.fields, field) && t.from[s.flag] != "" {
			return t.from[s.flag]
		}
	}
	return field
}

// DefaultTraceFile is where run writes its spans, and demo, unless told otherwise.
const DefaultTraceFile = "data/session/trace.json"

// EventsFile is the events file that is meant when none is named.
func EventsFile() string { return fileMeant("BACKSPAN_EVENTS", "events", events.DefaultPath) }

// TraceFile is the trace file that is meant when none is named: the one that the commands write.
func TraceFile() string { return fileMeant("BACKSPAN_TRACE_FILE", "trace_file", DefaultTraceFile) }

// fileMeant is what the variable says, else the configuration file's key, else otherwise.
func fileMeant(variable, key, otherwise string) string {
	if path := strings.TrimSpace(os.Getenv(variable)); path != "" {
		return path
	}
	if file, err := ReadFile(); err == nil { // a bad file has been refused before any command ran
		if v, ok := file[key]; ok {
			return v.texts[0]
		}
	}
	return otherwise
}

// Typed reports whether err, which Config returned, is about a flag that was typed.
func (t *Flags) Typed(err error) bool {
	if setting, ok := errors.AsType[*otelenv.Error](err); ok {
		return strings.HasPrefix(setting.Name, "--")
	}
	only := t.TypedOnly()
	_, err = only.Config()
	return err != nil
}

// TypedOnly returns the flags as if there were no variables and no file.
func (t *Flags) TypedOnly() *Flags {
	only := &Flags{flags: pflag.NewFlagSet("", pflag.ContinueOnError), from: map[string]string{}}
	only.register(only.flags, "")
	for _, s := range all {
		typed := t.flags.Lookup(s.flag)
		if !typed.Changed {
			continue
		}
		only.from[s.flag] = "--" + s.flag
		// What was taken once is taken again.
		if list, ok := typed.Value.(pflag.SliceValue); ok {
			_ = only.flags.Lookup(s.flag).Value.(pflag.SliceValue).Replace(list.GetSlice())
		} else {
			_ = only.flags.Set(s.flag, typed.Value.String())
		}
	}
	_ = only.reload() // the names are those that were registered
	return only
}

// ParentTrace lets the run's span join the trace of the process that started this one.
func ParentTrace(ctx context.Context) context.Context {
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{
		"traceparent": os.Getenv("TRACEPARENT"), "tracestate": os.Getenv("TRACESTATE"),
	})
}
