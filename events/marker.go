package events

// marker is how every line begins. No text in a line can hold it, because quotes are escaped there, and no detail is
// called "timestamp"; so wherever it stands, a record begins.
const marker = `{"timestamp": "`

var markerBytes = []byte(marker)
