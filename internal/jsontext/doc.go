// Package jsontext appends texts and numbers to lines of JSON: the event log's and the trace file's. It allocates
// nothing while the line has room.
//
//	line = jsontext.AppendString(line, "Größe \"L\"") // "Gr\u00f6\u00dfe \"L\""
//
// What it appends is printable ASCII: one line stays one line, and a terminal that shows the file obeys nothing in it.
package jsontext
