package telemetry

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/backspan/backspan/internal/semconv"
)

// presentable returns spans as they may leave the process: the texts of Backspan's spans masked, and the texts of all
// spans valid UTF-8. A collector refuses a whole batch for one text that is not.
func presentable(spans []sdktrace.ReadOnlySpan, mask func(string) string) []sdktrace.ReadOnlySpan {
	var changed []sdktrace.ReadOnlySpan
	for i, span := range spans {
		if shown, other := presentableSpan(span, mask); other {
			if changed == nil {
				changed = slices.Clone(spans)
			}
			changed[i] = shown
		}
	}
	if changed == nil {
		return spans
	}
	return changed
}

// presentableSpan returns span as it may leave the process, and whether that is another one.
func presentableSpan(span sdktrace.ReadOnlySpan, mask func(string) string) (
	shown sdktrace.ReadOnlySpan, other bool,
) {
	t := texts{mask}
	if !isBackspan(span) {
		t.mask = nil // the texts of other instrumentation are not ours to change, unless they are no UTF-8
	}
	if t.leaves(span) {
		return span, false
	}
	return newShownSpan(span, t), true
}

// isBackspan reports whether span is one of Backspan's, by its instrumentation scope.
func isBackspan(span sdktrace.ReadOnlySpan) bool {
	return span.InstrumentationScope().Name == semconv.ScopeName
}

// leaves reports whether t leaves every text of span as it is. It returns false for nested values, which are rare.
func (t texts) leaves(span sdktrace.ReadOnlySpan) bool {
	scope := span.InstrumentationScope()
	for _, text := range []string{scope.Name, scope.Version, scope.SchemaURL} {
		if !utf8.ValidString(text) {
			return false
		}
	}
	if t.name(span) != span.Name() || t.text(span.Status().Description) != span.Status().Description ||
		!t.leavesAll(span.Attributes()) || !(texts{}).leavesAll(scope.Attributes.ToSlice()) {
		return false
	}
	for _, event := range span.Events() {
		if !utf8.ValidString(event.Name) || !t.leavesAll(event.Attributes) {
			return false
		}
	}
	for _, link := range span.Links() {
		if !t.leavesAll(link.Attributes) {
			return false
		}
	}
	return true
}

func (t texts) leavesAll(attributes []attribute.KeyValue) bool {
	for _, kv := range attributes {
		if !utf8.ValidString(string(kv.Key)) {
			return false
		}
		switch kv.Value.Type() {
		case attribute.STRING:
			if text := kv.Value.AsString(); t.of(kv.Key).text(text) != text {
				return false
			}
		case attribute.STRINGSLICE, attribute.SLICE, attribute.MAP:
			return false
		default:
		}
	}
	return true
}

// shownSpan is a span with other texts.
type shownSpan struct {
	sdktrace.ReadOnlySpan
	scope      instrumentation.Scope
	name       string
	status     sdktrace.Status
	attributes []attribute.KeyValue
	events     []sdktrace.Event
	links      []sdktrace.Link
}

func (s *shownSpan) InstrumentationScope() instrumentation.Scope { return s.scope }
func (s *shownSpan) Name() string                                { return s.name }
func (s *shownSpan) Status() sdktrace.Status                     { return s.status }
func (s *shownSpan) Attributes() []attribute.KeyValue            { return s.attributes }
func (s *shownSpan) Events() []sdktrace.Event                    { return s.events }
func (s *shownSpan) Links() []sdktrace.Link                      { return s.links }

func newShownSpan(span sdktrace.ReadOnlySpan, t texts) *shownSpan {
	shown := &shownSpan{
		ReadOnlySpan: span,
		scope:        validScope(span.InstrumentationScope()),
		name:         t.name(span),
		status:       span.Status(),
		attributes:   t.attributes(span.Attributes()),
		events:       slices.Clone(span.Events()),
		links:        slices.Clone(span.Links()),
	}
	shown.status.Description = t.text(shown.status.Description)
	for i := range shown.events {
		shown.events[i].Name = toUTF8(shown.events[i].Name)
		shown.events[i].Attributes = t.attributes(shown.events[i].Attributes)
	}
	for i := range shown.links {
		shown.links[i].Attributes = t.attributes(shown.links[i].Attributes)
	}
	return shown
}

// validScope is scope with texts that are UTF-8.
func validScope(scope instrumentation.Scope) instrumentation.Scope {
	scope.Name, scope.Version, scope.SchemaURL = toUTF8(scope.Name), toUTF8(scope.Version), toUTF8(scope.SchemaURL)
	if list := scope.Attributes.ToSlice(); !(texts{}).leavesAll(list) {
		scope.Attributes = attribute.NewSet(texts{}.attributes(list)...)
	}
	return scope
}

// validResource is r with texts that are UTF-8.
func validResource(r *resource.Resource) *resource.Resource {
	if utf8.ValidString(r.SchemaURL()) && (texts{}).leavesAll(r.Attributes()) {
		return r
	}
	return resource.NewWithAttributes(toUTF8(r.SchemaURL()), texts{}.attributes(r.Attributes())...)
}

// texts makes the texts of a span presentable: masked, and valid UTF-8. A nil mask masks nothing.
type texts struct{ mask func(string) string }

// redactionFailed replaces a text on which the redaction panicked, because the text may hold a secret.
const redactionFailed = "(redaction failed)"

func (t texts) text(s string) (shown string) {
	if t.mask == nil || s == "" {
		return toUTF8(s)
	}
	defer func() {
		if recover() != nil {
			shown = redactionFailed
		}
	}()
	return toUTF8(t.mask(s))
}

// name is the name of span. "attempt 2" and its like are fixed words.
func (t texts) name(span sdktrace.ReadOnlySpan) string {
	for _, kv := range span.Attributes() {
		if kv.Key == semconv.KindKey && semconv.IsTry(kv.Value.AsString()) {
			return toUTF8(span.Name())
		}
	}
	return t.text(span.Name())
}

// of is t for the values of key.
func (t texts) of(key attribute.Key) texts {
	if semconv.IsVocabulary(key) {
		t.mask = nil
	}
	return t
}

func toUTF8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func (t texts) attributes(list []attribute.KeyValue) []attribute.KeyValue {
	shown := make([]attribute.KeyValue, len(list))
	for i, kv := range list {
		shown[i] = attribute.KeyValue{Key: attribute.Key(toUTF8(string(kv.Key))), Value: t.of(kv.Key).value(kv.Value)}
	}
	return shown
}

func (t texts) value(v attribute.Value) attribute.Value {
	switch v.Type() {
	case attribute.STRING:
		return attribute.StringValue(t.text(v.AsString()))
	case attribute.STRINGSLICE:
		list := v.AsStringSlice()
		for i := range list {
			list[i] = t.text(list[i])
		}
		return attribute.StringSliceValue(list)
	case attribute.SLICE:
		list := v.AsSlice()
		for i := range list {
			list[i] = t.value(list[i])
		}
		return attribute.SliceValue(list...)
	case attribute.MAP:
		return attribute.MapValue(t.attributes(v.AsMap())...)
	default:
		return v
	}
}
