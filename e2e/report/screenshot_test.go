package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// The picture that the README shows.
const picture = "../../docs/report.png"

// The README's picture is of the page as it is: the picture holds the hash of the page that it was taken of. Pixels
// say nothing, as other machines have other fonts. To take it anew:
//
//	cd e2e && UPDATE=1 go test ./report -run TestScreenshot
func TestScreenshot(t *testing.T) {
	log, err := os.ReadFile("testdata/demo.json")
	if err != nil {
		t.Fatal(err)
	}
	const width, height, scale = 1200, 1240, 1.5
	path := pageOf(t, "trace.json", log)
	html, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	html = asText.ReplaceAll(html, nil) // the terminal's waterfall is not in the picture
	p := open(t, path, screen{width: width, height: height, scale: 1, calm: true})
	p.pointAt(p.row("fetch_page", 1) + " .chart")
	p.wait(tipShown)
	shot, err := chromedp.Call(p.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Clip: &page.Viewport{Width: width, Height: height, Scale: scale},
	})
	p.must(err)
	now, err := png.Decode(bytes.NewReader(shot.Data))
	p.must(err)
	if os.Getenv("UPDATE") != "" {
		p.must(os.WriteFile(picture, sign(small(t, now), html), 0o644))
	}

	file, err := os.ReadFile(picture)
	p.must(err)
	if len(file) > 200_000 {
		t.Errorf("%s has %d bytes, want 200,000 at most", picture, len(file))
	}
	then, err := png.Decode(bytes.NewReader(file))
	p.must(err)
	if then.Bounds() != now.Bounds() {
		t.Errorf("%s is %v, the page %v", picture, then.Bounds(), now.Bounds())
	}
	if !bytes.Contains(file, signature(html)) {
		t.Errorf("%s shows the page as it was; take it anew: cd e2e && UPDATE=1 go test ./report -run TestScreenshot",
			picture)
	}
}

var asText = regexp.MustCompile(`(?s)<pre tabindex="0">.*?</pre>`)

// signature is the text chunk of a PNG that says which page it shows.
func signature(page []byte) []byte {
	text := fmt.Appendf(nil, "tEXtpage sha256\x00%x", sha256.Sum256(page))
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(text)-4))
	chunk = append(chunk, text...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(text))
}

// sign puts the signature behind the first chunk, where the size of the picture is.
func sign(picture, page []byte) []byte {
	const head = 8 + 4 + 4 + 13 + 4
	return slices.Insert(picture, head, signature(page)...)
}

// small is m as a PNG of 256 colours: those that it has most of.
func small(t *testing.T, m image.Image) []byte {
	t.Helper()
	bounds := m.Bounds()
	counts := map[color.RGBA]int{}
	each := func(do func(x, y int, c color.RGBA)) {
		for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
			for x := bounds.Min.X; x < bounds.Max.X; x++ {
				r, g, b, _ := m.At(x, y).RGBA()
				do(x, y, color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255})
			}
		}
	}
	each(func(_, _ int, c color.RGBA) { counts[c]++ })
	all := make([]color.RGBA, 0, len(counts))
	for c := range counts {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G),
			cmp.Compare(a.B, b.B))
	})
	palette := color.Palette{}
	for _, c := range all[:min(len(all), 256)] {
		palette = append(palette, c)
	}
	out := image.NewPaletted(bounds, palette)
	nearest := map[color.RGBA]uint8{}
	each(func(x, y int, c color.RGBA) {
		i, known := nearest[c]
		if !known {
			i = uint8(palette.Index(c))
			nearest[c] = i
		}
		out.SetColorIndex(x, y, i)
	})
	var file bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&file, out); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}
