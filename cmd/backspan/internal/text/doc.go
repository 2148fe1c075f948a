// Package text writes what people read: durations, counted nouns, and texts that come from servers and files, made safe
// and fitted into columns. Every part of the command takes them from here, so that one value has one spelling.
package text
