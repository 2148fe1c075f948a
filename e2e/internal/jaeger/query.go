package jaeger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
)

// Trace reads one trace, by its id in hex, and returns its root span. Spans that were lost on the way are an error.
func (s *Server) Trace(ctx context.Context, id string) (*Span, error) {
	body, err := s.get(ctx, "http://"+s.Query+"/api/v3/traces/"+url.PathEscape(id))
	if err != nil {
		return nil, err
	}
	var answer struct{ Result json.RawMessage }
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("trace %s: %w", id, err)
	}
	root, err := parse(answer.Result)
	if err != nil {
		return nil, fmt.Errorf("trace %s: %w", id, err)
	}
	return root, nil
}

// Search returns the ids of the service's traces that have a span with all the tags, written as a person types them
// into the search form: {"retry.retried": "true"}. It asks the form's own API: the newer /api/v3/traces of this Jaeger
// ignores attributes over HTTP (and says so only in its source), so that every search there finds everything.
func (s *Server) Search(ctx context.Context, service string, tags map[string]string) ([]string, error) {
	encoded, err := json.Marshal(tags)
	if err != nil {
		return nil, err
	}
	query := url.Values{"service": {service}, "tags": {string(encoded)}, "lookback": {"1h"}, "limit": {"1000"}}
	body, err := s.get(ctx, "http://"+s.Query+"/api/traces?"+query.Encode())
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data   []struct{ TraceID string }
		Errors []struct{ Msg string }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("search %v: %w", tags, err)
	}
	var errs []error
	for _, e := range answer.Errors {
		errs = append(errs, fmt.Errorf("search %v: %s", tags, e.Msg))
	}
	ids := make([]string, 0, len(answer.Data))
	for _, trace := range answer.Data {
		ids = append(ids, trace.TraceID)
	}
	slices.Sort(ids)
	return ids, errors.Join(errs...)
}
