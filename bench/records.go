package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/backspan/backspan/events"
)

const (
	nameAppend      = "events.Record.Append"
	nameZerolog     = "zerolog"
	nameJSON        = "encoding/json"
	nameWriter      = "events.Writer.Write"
	nameJSONWritten = "json.Marshal and File.Write"
)

// measureRecords encodes the record that the guide shows, and writes it to a file.
func measureRecords(p *page, s sizes) (err error) {
	dir, err := os.MkdirTemp("", "backspan-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	writer, err := events.Open(filepath.Join(dir, "ours.jsonl"), events.Options{})
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(dir, "theirs.jsonl"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	results := measure([]subject{
		alone(nameAppend, appending()),
		alone(nameZerolog, zerologging()),
		alone(nameJSON, marshalling(io.Discard)),
		alone(nameWriter, writing(writer)),
		alone(nameJSONWritten, marshalling(file)),
	}, s.effort)
	if dropped := writer.Dropped(); dropped > 0 {
		return fmt.Errorf("%d records were dropped", dropped)
	}

	found := standingOf(results)
	p.title("Records of events.jsonl")
	head := fmt.Sprintf("a record of %d bytes", len(record().Append(nil)))
	p.results(head, results, base{"encoding/json", found[nameJSON]})
	p.promise(nameAppend+" ÷ "+nameJSON, 0.5, found.ratio(nameAppend, nameJSON), "×")
	p.promise(nameAppend+" ÷ "+nameZerolog, 1, found.ratio(nameAppend, nameZerolog), "×")
	p.promise(nameAppend+": allocations", 0, found[nameAppend].allocs, "")
	p.promise(nameWriter+" ÷ "+nameJSONWritten, 0.8, found.ratio(nameWriter, nameJSONWritten), "×")
	return errors.Join(writer.Close(), file.Close())
}

const (
	session   = "4786a9a2-c5bf-41ca-a26e-e1ae5d01f41c"
	phaseName = "data_phase"
	message   = "Autocorrect attempt 1: Error in data_load: Connection timeout"
	reason    = "Error in data_load: Connection timeout"
	timeout   = "timeout"
	retrying  = "retrying"
)

var (
	happened = time.Date(2026, 11, 23, 19, 11, 43, 482629999, time.UTC)
	traceID  = [16]byte{1, 2, 3, 15: 255}
	spanID   = [8]byte{9, 7: 1}
)

func record() *events.Record {
	return &events.Record{
		Time: happened, Session: session, Type: events.TypeAttempt, Phase: phaseName, Level: events.LevelWarning,
		Message: message,
		Details: []events.Field{
			events.Int(events.KeyAttemptNumber, 1),
			events.String(events.KeyReason, reason),
			events.String(events.KeyResult, retrying),
			events.String(events.KeyOperation, operationName),
			events.Float(events.KeyDelay, 0),
			events.Float(events.KeyNextDelay, 1),
			events.String(events.KeyErrorType, timeout),
		},
		TraceID: traceID, SpanID: spanID,
	}
}

func appending() func() error {
	r := record()
	line := make([]byte, 0, 1024)
	return func() error {
		line = r.Append(line[:0])
		return nil
	}
}

func writing(w *events.Writer) func() error {
	r := record()
	return func() error {
		w.Write(r)
		return nil
	}
}

// zerologging uses what zerolog does best: typed fields, its own buffers, ids as hex.
func zerologging() func() error {
	zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000000Z"
	logger := zerolog.New(io.Discard)
	return func() error {
		logger.Log().
			Time("timestamp", happened).
			Str("session_id", session).
			Str("type", events.TypeAttempt).
			Str("phase", phaseName).
			Str("level", events.LevelWarning).
			Str("message", message).
			Dict("details", zerolog.Dict().
				Int64(events.KeyAttemptNumber, 1).
				Str(events.KeyReason, reason).
				Str(events.KeyResult, retrying).
				Str(events.KeyOperation, operationName).
				Float64(events.KeyDelay, 0).
				Float64(events.KeyNextDelay, 1).
				Str(events.KeyErrorType, timeout)).
			Hex("trace_id", traceID[:]).
			Hex("span_id", spanID[:]).
			Send()
		return nil
	}
}

// A plainRecord is what one gives to encoding/json.
type plainRecord struct {
	Timestamp string       `json:"timestamp"`
	Session   string       `json:"session_id"`
	Type      string       `json:"type"`
	Phase     string       `json:"phase"`
	Level     string       `json:"level"`
	Message   string       `json:"message"`
	Details   plainDetails `json:"details"`
	TraceID   string       `json:"trace_id,omitempty"`
	SpanID    string       `json:"span_id,omitempty"`
}

type plainDetails struct {
	AttemptNumber int64   `json:"attempt_number"`
	Reason        string  `json:"reason"`
	Result        string  `json:"result"`
	Operation     string  `json:"operation"`
	Delay         float64 `json:"delay"`
	NextDelay     float64 `json:"next_delay"`
	ErrorType     string  `json:"error_type"`
}

func marshalling(w io.Writer) func() error {
	return func() error {
		line, err := json.Marshal(plainRecord{
			Timestamp: happened.Format("2006-01-02T15:04:05.000000Z"), Session: session,
			Type: events.TypeAttempt, Phase: phaseName, Level: events.LevelWarning, Message: message,
			Details: plainDetails{
				AttemptNumber: 1, Reason: reason, Result: retrying, Operation: operationName,
				Delay: 0, NextDelay: 1, ErrorType: timeout,
			},
			TraceID: hex.EncodeToString(traceID[:]), SpanID: hex.EncodeToString(spanID[:]),
		})
		if err == nil {
			_, err = w.Write(append(line, '\n'))
		}
		return err
	}
}
