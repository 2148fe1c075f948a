// Package settings reads the telemetry settings of a command: from its flags, from their BACKSPAN_ variables,
// and from the configuration file, in this order. It knows who said what, so that an error names the flag, the
// variable or the line of the file. Where OpenTelemetry has a variable of its own, that wins over the file.
//
// A setting is one row of the table in setting.go. [Flags.Config] makes the configuration of package telemetry
// from all of them, [Flags.Targets] checks the files that they name.
package settings
