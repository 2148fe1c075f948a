// Package flaky is an HTTP server for tests that fails as its script says: first a 503, then a connection that is
// reset, then a good answer. It notes what arrived, and when.
//
//	server := flaky.New(t, "503 Retry-After=1, reset, 200 {hello}")
//	err := fetch(server.URL())
//	server.ExpectRequests(t, 3)
//	server.ExpectWaits(t, time.Second, 100*time.Millisecond)
//
// A script is a list of steps with commas or line breaks between them. Each request plays the next step, and the last
// step repeats. A step is one of
//
//	503              answers with this status, 200 to 599
//	pass             lets Config.Next answer, or 200
//	reset            resets the connection before any answer
//	hang             never answers; ends when the client leaves
//	malformed        answers with what is no HTTP
//	stop             resets, and stops listening: from then on connections are refused
//
// with options behind it, separated by spaces:
//
//	Retry-After=1    a header of the answer; "quotes" hold a value with spaces or commas
//	{text}           the body of the answer; braces in it are balanced
//	size=32KiB       a body of that many bytes instead
//	delay=2s         how long the answer is held back
//	slow=2s          how long its body takes, spread evenly
//	cut=1KiB         the connection is closed after so many bytes of the body
//	reset=1KiB       it is reset there
//	x3               the step is played so often
//
// Scripts can be kept apart by path and by a key of the request (Config.Paths and Config.Key), and faults can come at
// random (Config.Rates). [Server] is an http.Handler too, for a server of your own, say with TLS and HTTP/2. There
// a connection that is cut or reset is a reset of the stream.
package flaky
