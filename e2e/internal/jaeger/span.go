package jaeger

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Span is one span of a trace as Jaeger gives it back, with the spans below it.
type Span struct {
	TraceID, ID, Parent string // hex; Parent is empty at the root
	Service             string
	Scope               string
	Name                string
	Kind                int // OTLP's number: 1 internal, 2 server, 3 client
	Start, End          time.Time
	Failed              bool   // status Error
	Description         string // of the status
	Attributes          map[string]any
	Events              []Event
	Children            []*Span // in the order of their start
}

// An Event is a point in the life of a span.
type Event struct {
	Name       string
	Time       time.Time
	Attributes map[string]any
}

// All returns the span and everything below it, parents first.
func (s *Span) All() []*Span {
	all := []*Span{s}
	for _, c := range s.Children {
		all = append(all, c.All()...)
	}
	return all
}

// Tree draws the span and everything below it, one name a line, for comparing and for failure messages.
func (s *Span) Tree() string {
	var b strings.Builder
	var draw func(*Span, int)
	draw = func(s *Span, depth int) {
		fmt.Fprintf(&b, "%s%s\n", strings.Repeat("  ", depth), s.Name)
		for _, c := range s.Children {
			draw(c, depth+1)
		}
	}
	draw(s, 0)
	return b.String()
}

// The parts of OTLP's JSON that the tests look at.
type (
	otlpTraces struct {
		ResourceSpans []struct {
			Resource struct {
				Attributes []otlpAttribute `json:"attributes"`
			} `json:"resource"`
			ScopeSpans []struct {
				Scope struct {
					Name string `json:"name"`
				} `json:"scope"`
				Spans []otlpSpan `json:"spans"`
			} `json:"scopeSpans"`
		} `json:"resourceSpans"`
	}
	otlpSpan struct {
		TraceID      string          `json:"traceId"`
		SpanID       string          `json:"spanId"`
		ParentSpanID string          `json:"parentSpanId"`
		Name         string          `json:"name"`
		Kind         int             `json:"kind"`
		Start        int64           `json:"startTimeUnixNano,string"`
		End          int64           `json:"endTimeUnixNano,string"`
		Attributes   []otlpAttribute `json:"attributes"`
		Events       []struct {
			Name       string          `json:"name"`
			Time       int64           `json:"timeUnixNano,string"`
			Attributes []otlpAttribute `json:"attributes"`
		} `json:"events"`
		Status struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"status"`
	}
	otlpAttribute struct {
		Key   string `json:"key"`
		Value struct {
			String *string  `json:"stringValue"`
			Bool   *bool    `json:"boolValue"`
			Int    *string  `json:"intValue"`
			Double *float64 `json:"doubleValue"`
		} `json:"value"`
	}
)

const statusError = 2

// parse turns one trace in OTLP JSON into its tree. A trace with no root, or more than one, is an error, and so is a
// span whose parent is missing: each means that spans were lost.
func parse(data []byte) (*Span, error) {
	var traces otlpTraces
	if err := json.Unmarshal(data, &traces); err != nil {
		return nil, fmt.Errorf("read OTLP JSON: %w", err)
	}
	byID := map[string]*Span{}
	for _, rs := range traces.ResourceSpans {
		resource, err := attributes(rs.Resource.Attributes)
		if err != nil {
			return nil, err
		}
		service, _ := resource["service.name"].(string)
		for _, ss := range rs.ScopeSpans {
			for _, raw := range ss.Spans {
				s, err := raw.span()
				if err != nil {
					return nil, err
				}
				if byID[s.ID] != nil {
					return nil, fmt.Errorf("span %s (%s) is there twice", s.ID, s.Name)
				}
				s.Service, s.Scope = service, ss.Scope.Name
				byID[s.ID] = s
			}
		}
	}
	return tree(byID)
}

func tree(byID map[string]*Span) (root *Span, err error) {
	for _, s := range byID {
		switch parent := byID[s.Parent]; {
		case parent != nil:
			parent.Children = append(parent.Children, s)
		case s.Parent != "":
			return nil, fmt.Errorf("the parent %s of span %q is missing", s.Parent, s.Name)
		case root != nil:
			return nil, fmt.Errorf("two roots: %q and %q", root.Name, s.Name)
		default:
			root = s
		}
	}
	if root == nil {
		return nil, errors.New("no root span")
	}
	for _, s := range byID {
		slices.SortFunc(s.Children, func(a, b *Span) int {
			return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Name, b.Name))
		})
	}
	return root, nil
}

func (raw *otlpSpan) span() (*Span, error) {
	s := &Span{
		TraceID: raw.TraceID, ID: raw.SpanID, Parent: raw.ParentSpanID, Name: raw.Name, Kind: raw.Kind,
		Start: time.Unix(0, raw.Start), End: time.Unix(0, raw.End),
		Failed: raw.Status.Code == statusError, Description: raw.Status.Message,
	}
	var err error
	if s.Attributes, err = attributes(raw.Attributes); err != nil {
		return nil, fmt.Errorf("span %q: %w", s.Name, err)
	}
	for _, e := range raw.Events {
		attrs, err := attributes(e.Attributes)
		if err != nil {
			return nil, fmt.Errorf("span %q, event %q: %w", s.Name, e.Name, err)
		}
		s.Events = append(s.Events, Event{Name: e.Name, Time: time.Unix(0, e.Time), Attributes: attrs})
	}
	return s, nil
}

// attributes gives each value its Go type: string, bool, int64 or float64. Other types (lists, maps) are left out:
// Backspan writes none.
func attributes(raw []otlpAttribute) (map[string]any, error) {
	attrs := make(map[string]any, len(raw))
	for _, a := range raw {
		switch v := a.Value; {
		case v.String != nil:
			attrs[a.Key] = *v.String
		case v.Bool != nil:
			attrs[a.Key] = *v.Bool
		case v.Double != nil:
			attrs[a.Key] = *v.Double
		case v.Int != nil:
			n, err := strconv.ParseInt(*v.Int, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("attribute %s: %w", a.Key, err)
			}
			attrs[a.Key] = n
		}
	}
	return attrs, nil
}
