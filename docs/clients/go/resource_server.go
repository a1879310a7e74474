// A resource server that lets access tokens of Countersign in. Copy Keys, Verifier and IsActive.
//
// Go 1.19 or newer, standard library only: go run resource_server.go. If you use github.com/golang-jwt/jwt already, let it do
// what Verify does, with WithValidMethods set to the key's algorithm. Reads one access token from each line of standard input and
// answers each with a line: "ok SUBJECT SCOPES", or why not. Exit code 0 when all were good. COUNTERSIGN_URL is the issuer,
// AUDIENCE what your tokens are meant for (the issuer unless set). With --ask it also asks whether the token was revoked, as
// CLIENT_ID with CLIENT_SECRET.
package main

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
)

const (
	leeway  = 5 * time.Second  // by which clocks may differ
	unknown = time.Minute      // until a key that is not there is a reason to fetch
	retry   = 10 * time.Second // until a failed fetch is tried again
	longest = time.Hour        // until keys that could not be fetched anew are too old
)

// client is safe to share. Without a timeout a call may hang for ever; secrets go where they are sent, and nowhere else.
var client = &http.Client{
	Timeout:       5 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Refused means 401: this token lets nobody in.
type Refused string

func (r Refused) Error() string { return "refused: " + string(r) }

// ErrUnavailable means 503: whether it may is not known.
var ErrUnavailable = errors.New("unavailable: the server gives no answer")

// Key is one of the JWKS (RFC 7517).
type Key struct{ Kid, Kty, Alg, Crv, X, Y, N, E string }

// Keys are fetched when their max-age is over, and at most once a minute for a key not among them.
type Keys struct {
	URL              string
	mutex            sync.Mutex
	keys             map[string]Key
	due, asked, held time.Time
}

func (k *Keys) Get(kid string) (Key, bool, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	now := time.Now()
	key, found := k.keys[kid]
	if !now.Before(k.due) || (!found && !now.Before(k.asked.Add(unknown))) {
		k.asked = now
		if keys, age, err := k.fetch(); err == nil {
			k.keys, k.held, k.due = keys, now, now.Add(age)
		} else {
			k.due = now.Add(retry) // until then with the keys that are there
		}
		key, found = k.keys[kid]
	}
	if now.After(k.held.Add(longest)) {
		return key, false, ErrUnavailable
	}
	return key, found, nil
}

func (k *Keys) fetch() (map[string]Key, time.Duration, error) {
	answer, err := client.Get(k.URL)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	var set struct{ Keys []Key }
	if answer.StatusCode != http.StatusOK {
		return nil, 0, errors.New(answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(&set); err != nil {
		return nil, 0, err
	}
	keys := map[string]Key{}
	for _, key := range set.Keys {
		keys[key.Kid] = key
	}
	found := regexp.MustCompile(`max-age=(\d+)`).FindStringSubmatch(answer.Header.Get("Cache-Control"))
	if found == nil {
		return keys, 0, nil
	}
	age, err := time.ParseDuration(found[1] + "s")
	return keys, age, err
}

// Signed tells whether the key made the signature. An algorithm that is not known here signs nothing.
func (key Key) Signed(input string, signature []byte) bool {
	hash := sha256.Sum256([]byte(input))
	switch {
	case key.Alg == "ES256" && key.Crv == "P-256" && len(signature) == 64:
		public := ecdsa.PublicKey{Curve: elliptic.P256(), X: number(key.X), Y: number(key.Y)}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return public.IsOnCurve(public.X, public.Y) && ecdsa.Verify(&public, hash[:], r, s)
	case key.Alg == "EdDSA" && key.Crv == "Ed25519":
		public := decoded(key.X)
		return len(public) == ed25519.PublicKeySize && ed25519.Verify(public, []byte(input), signature)
	case key.Alg == "RS256" && key.Kty == "RSA":
		public := rsa.PublicKey{N: number(key.N), E: int(number(key.E).Int64())}
		return rsa.VerifyPKCS1v15(&public, crypto.SHA256, hash[:], signature) == nil
	}
	return false
}

func decoded(text string) []byte {
	bytes, _ := base64.RawURLEncoding.DecodeString(text) // what is malformed is empty, and signs nothing
	return bytes
}

func number(text string) *big.Int { return new(big.Int).SetBytes(decoded(text)) }

// Audience is a string or a list of them.
type Audience []string

func (a *Audience) UnmarshalJSON(bytes []byte) error {
	var one string
	if json.Unmarshal(bytes, &one) == nil {
		*a = Audience{one}
		return nil
	}
	return json.Unmarshal(bytes, (*[]string)(a))
}

type Claims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience Audience `json:"aud"`
	Expires  float64  `json:"exp"`
	Scope    string   `json:"scope"`
}

type Verifier struct {
	Keys             *Keys
	Issuer, Audience string
}

// Verify gives the claims of a token that is genuine, ours to take, and not expired. It asks nobody: a revoked one is good until it
// expires.
func (v Verifier) Verify(token string) (claims Claims, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > 8192 {
		return claims, Refused("malformed")
	}
	var header struct {
		Alg, Kid, Typ string
		Crit          json.RawMessage
	}
	if json.Unmarshal(decoded(parts[0]), &header) != nil || header.Crit != nil {
		return claims, Refused("malformed header")
	}
	key, found, err := v.Keys.Get(header.Kid)
	switch {
	case err != nil:
		return claims, err
	case !found:
		return claims, Refused("unknown key")
	// The algorithm is the key's, never the token's: "none" and HS256 with the public key are ways to forge one.
	case header.Alg != key.Alg:
		return claims, Refused("wrong alg")
	case !key.Signed(parts[0]+"."+parts[1], decoded(parts[2])):
		return claims, Refused("wrong signature")
	// Without this an ID token, or whatever else the key signs, would do.
	case !strings.EqualFold(header.Typ, "at+jwt"):
		return claims, Refused("wrong typ")
	case json.Unmarshal(decoded(parts[1]), &claims) != nil || claims.Subject == "":
		return claims, Refused("malformed claims")
	case claims.Issuer != v.Issuer:
		return claims, Refused("wrong iss")
	case float64(time.Now().Add(-leeway).Unix()) >= claims.Expires:
		return claims, Refused("expired")
	}
	for _, audience := range claims.Audience {
		if audience == v.Audience {
			return claims, nil
		}
	}
	return claims, Refused("wrong aud")
}

// IsActive asks whether the token is active at this moment. An answer may be kept for a few seconds, and no longer.
func IsActive(server, id, secret, token string) (bool, error) {
	form := strings.NewReader(url.Values{"token": {token}}.Encode())
	request, err := http.NewRequest(http.MethodPost, server+"/oauth2/introspect", form)
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	answer, err := client.Do(request)
	if err != nil {
		return false, ErrUnavailable
	}
	defer answer.Body.Close()
	var said struct{ Active bool }
	// A 503 is an answer as well: let nobody in.
	if answer.StatusCode != http.StatusOK || json.NewDecoder(answer.Body).Decode(&said) != nil {
		return false, ErrUnavailable
	}
	return said.Active, nil
}

func main() {
	server, good := os.Getenv("COUNTERSIGN_URL"), true
	verifier := Verifier{&Keys{URL: server + "/.well-known/jwks.json"}, server, os.Getenv("AUDIENCE")}
	if verifier.Audience == "" {
		verifier.Audience = server
	}
	ask := len(os.Args) > 1 && os.Args[1] == "--ask"
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		claims, err := verifier.Verify(lines.Text())
		if err == nil && ask {
			var active bool
			active, err = IsActive(server, os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET"), lines.Text())
			if err == nil && !active {
				err = Refused("revoked")
			}
		}
		if err != nil {
			good = false
			fmt.Println(err)
		} else {
			fmt.Println("ok", claims.Subject, claims.Scope)
		}
	}
	if !good || lines.Err() != nil {
		os.Exit(1)
	}
}
