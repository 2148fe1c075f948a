// Package demo is the pipeline behind `backspan demo`: three phases that fetch a data set over HTTP from a flaky
// service on a loopback port, check it, compute with it and write a result file.
//
// Nothing is simulated but the weather. The service is a real HTTP server whose faults are real too: answers 503
// with a Retry-After header, connections reset in the middle of a body, answers slower than the attempt timeout,
// malformed rows, and a server that is gone. Which request meets which fault follows from the scenario and the seed
// alone, so that a run can be repeated. The phases know nothing of the scenario.
//
// The data set (data/co2.csv) is the annual mean concentration of carbon dioxide in the air at Mauna Loa, in parts
// per million by volume, as published by NOAA's Global Monitoring Laboratory; it is in the public domain.
package demo
