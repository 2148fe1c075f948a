package fielderror

import (
	"errors"
	"testing"
)

func TestErrorReads(t *testing.T) {
	cause := errors.New("no such host")
	for _, c := range []struct {
		err  Error
		want string
	}{
		{Error{"Grace", "-1s", "0 or more", nil}, "Grace is -1s, want 0 or more"},
		{Error{"Endpoint", `"x"`, "host:port", cause}, `Endpoint is "x" (no such host), want host:port`},
		{Error{"Headers", "", "name=value pairs", nil}, "Headers cannot be used, want name=value pairs"},
		{
			Error{"Headers", "", "name=value pairs", cause},
			"Headers cannot be used (no such host), want name=value pairs",
		},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%#v: Error() = %q, want %q", c.err, got, c.want)
		}
		if got := errors.Is(&c.err, cause); got != (c.err.Err != nil) {
			t.Errorf("%#v: errors.Is(cause) = %t", c.err, got)
		}
	}
}
