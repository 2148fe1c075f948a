package events

// marker is how every line begins. No text in a line can hold it, because quotes are escaped there.
const marker = `{"timestamp": "`
