// Package jaeger runs a real Jaeger for the tests and reads traces back through its query API.
//
// The binary comes from the module tools/jaeger (Binary builds or finds it), its configuration is the one that
// people use (deploy/jaeger.yaml), with free loopback ports in the place of the well-known ones. Traces are kept in
// memory and stored before the sender has its answer, so a test reads them back without waiting.
package jaeger
