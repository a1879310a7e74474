// An app's backend as a client of Countersign. Copy Client and Session; main is a run that shows every step.
//
// Go 1.19 or newer, standard library only: go run app_backend.go. The environment says where and who:
// COUNTERSIGN_URL, CLIENT_ID, CLIENT_SECRET, LOGIN, PASSWORD, and RESOURCE_URL for a call with the access token.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// Together less than the client's retry_window, after which a refresh that is repeated looks stolen.
	timeout     = 5 * time.Second // for a call
	attempts    = 3               // calls for one answer
	longestWait = 3               // seconds between two
)

// Refused is the server's no. With the code invalid_grant: show the login form.
type Refused struct{ Code string }

func (r Refused) Error() string { return r.Code }

// ErrUnavailable says that nobody knows. The session is not over: tell the person to try again.
var ErrUnavailable = errors.New("countersign is unavailable")

// Person is who asks you: by this a stolen token is told from the owner's.
type Person struct{ Address, UserAgent string }

type Tokens struct {
	Access    string  `json:"access_token"`
	Refresh   string  `json:"refresh_token"`
	ExpiresIn float64 `json:"expires_in"`
}

type Client struct {
	URL, ID, Secret string
	HTTP            http.Client
}

func NewClient(url, id, secret string) *Client {
	// Secrets go where they are sent, and nowhere else.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{url, id, secret, http.Client{Timeout: timeout, CheckRedirect: stay}}
}

// Post asks, and asks the same again when there was no answer. Whoever lost the answer to a refresh gets it so.
func (c *Client) Post(ctx context.Context, path string, form url.Values, person *Person) (tokens Tokens, err error) {
	for attempt := 1; attempt <= attempts; attempt++ {
		status, body, wait := c.once(ctx, path, form, person)
		if status == http.StatusOK {
			if len(body) > 0 {
				err = json.Unmarshal(body, &tokens)
			}
			return tokens, err
		}
		if status > 0 && status < 500 {
			var refusal struct {
				Code string `json:"error"`
			}
			if json.Unmarshal(body, &refusal) != nil {
				refusal.Code = fmt.Sprint("status ", status) // of something that stands between
			}
			return tokens, Refused{refusal.Code}
		}
		if attempt < attempts {
			select {
			case <-ctx.Done():
				return tokens, ctx.Err()
			case <-time.After(time.Duration(wait) * time.Second):
			}
		}
	}
	return tokens, ErrUnavailable
}

// once sends one request. The status is 0 when there was no connection, no answer in time, or half of one.
func (c *Client) once(ctx context.Context, path string, form url.Values, person *Person) (int, []byte, int) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, 1
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret))
	if person != nil {
		request.Header.Set("X-Forwarded-For", person.Address)
		request.Header.Set("X-Forwarded-User-Agent", person.UserAgent)
	}
	answer, err := c.HTTP.Do(request)
	if err != nil {
		return 0, nil, 1
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return 0, nil, 1
	}
	wait, err := strconv.Atoi(answer.Header.Get("Retry-After"))
	if err != nil || wait < 1 {
		wait = 1
	} else if wait > longestWait {
		wait = longestWait
	}
	return answer.StatusCode, body, wait
}

func (c *Client) Refresh(ctx context.Context, refreshToken string, person *Person) (Tokens, error) {
	return c.Post(ctx, "/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refreshToken}}, person)
}

// Session is one login of one person. Keep the refresh token where your sessions are, encrypted, and never in a browser.
//
// Only one request at a time may refresh, hence the mutex. Several processes need a lock that they share, such as a row lock of
// your database (SELECT ... FOR UPDATE) around AccessToken.
type Session struct {
	client    *Client
	mutex     sync.Mutex
	tokens    Tokens
	refreshAt time.Time
}

func LogIn(ctx context.Context, client *Client, login, password string, person *Person) (*Session, error) {
	asked, session := time.Now(), &Session{client: client}
	form := url.Values{"grant_type": {"password"}, "username": {login}, "password": {password}, "scope": {"openid email"}}
	tokens, err := client.Post(ctx, "/oauth2/token", form, person)
	if err != nil {
		return nil, err
	}
	session.keep(asked, tokens)
	return session, nil
}

// keep stores an answer. First the refresh token: the one before is spent.
func (s *Session) keep(asked time.Time, tokens Tokens) {
	s.tokens = tokens
	s.refreshAt = asked.Add(time.Duration(0.8 * tokens.ExpiresIn * float64(time.Second)))
}

// AccessToken gives one that is good for a while. Refused means that the session is over: forget it.
func (s *Session) AccessToken(ctx context.Context, person *Person) (string, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if asked := time.Now(); !asked.Before(s.refreshAt) {
		tokens, err := s.client.Refresh(ctx, s.tokens.Refresh, person)
		if err != nil {
			return "", err
		}
		s.keep(asked, tokens)
	}
	return s.tokens.Access, nil
}

func (s *Session) LogOut(ctx context.Context) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	_, err := s.client.Post(ctx, "/oauth2/revoke", url.Values{"token": {s.tokens.Refresh}}, nil)
	return err
}

func main() {
	log.SetFlags(0)
	ctx, person := context.Background(), &Person{"203.0.113.9", "Store/1.0"}
	client := NewClient(os.Getenv("COUNTERSIGN_URL"), os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET"))
	session, err := LogIn(ctx, client, os.Getenv("LOGIN"), os.Getenv("PASSWORD"), person)
	check(err == nil, "login: ok", err)
	if resource := os.Getenv("RESOURCE_URL"); resource != "" {
		request, _ := http.NewRequestWithContext(ctx, http.MethodGet, resource, nil)
		token, err := session.AccessToken(ctx, person)
		check(err == nil, "", err)
		request.Header.Set("Authorization", "Bearer "+token)
		answer, err := client.HTTP.Do(request)
		check(err == nil && answer.StatusCode == http.StatusOK, "resource: 200", err)
		answer.Body.Close()
	}
	spent := session.tokens.Refresh
	session.refreshAt = time.Now() // as if the access token were about to expire
	var group sync.WaitGroup
	var got [8]string
	for i := range got {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			got[i], _ = session.AccessToken(ctx, person)
		}(i)
	}
	group.Wait()
	once := session.tokens.Refresh != spent
	for _, token := range got {
		once = once && token == session.tokens.Access
	}
	check(once, "refresh: once for 8 requests", got)
	again, err := client.Refresh(ctx, spent, person)
	check(again.Refresh == session.tokens.Refresh, "the same refresh again: the same refresh token", err)
	check(session.LogOut(ctx) == nil, "log out: ok", "not logged out")
	_, err = client.Refresh(ctx, session.tokens.Refresh, person)
	check(errors.Is(err, Refused{"invalid_grant"}), "refresh after log out: invalid_grant", err)
}

// check prints what went well, or ends the run.
func check(good bool, line string, otherwise any) {
	if !good {
		log.Fatalf("not so: %s (%v)", line, otherwise)
	}
	if line != "" {
		fmt.Println(line)
	}
}
