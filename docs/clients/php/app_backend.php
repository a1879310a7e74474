<?php

// An app's backend as a client of Countersign. Copy Client and Session; the end of the file is a run that shows every step.
//
// PHP 8.1 or newer with its extension curl. The environment says where and who:
// COUNTERSIGN_URL, CLIENT_ID, CLIENT_SECRET, LOGIN, PASSWORD, and RESOURCE_URL for a call with the access token.

declare(strict_types=1);

/** The server decided: no. With the message invalid_grant: show the login form. */
final class Refused extends Exception {}

/** Nobody knows. The session is not over: tell the person to try again. */
final class Unavailable extends Exception {}

/** Who asks you: by this a stolen token is told from the owner's. */
final class Person
{
    public function __construct(public readonly string $address, public readonly string $userAgent) {}
}

final class Client
{
    // Together less than the client's retry_window, after which a refresh that is repeated looks stolen.
    private const TIMEOUT = 5; // seconds that a call may take
    private const ATTEMPTS = 3; // calls for one answer
    private const LONGEST_WAIT = 3; // seconds between two

    public function __construct(private string $url, private string $id, private string $secret) {}

    /** Asks, and asks the same again when there was no answer. Whoever lost the answer to a refresh gets it so. */
    public function post(string $path, array $form, ?Person $person = null): array
    {
        $headers = ['Authorization: Basic ' . base64_encode(urlencode($this->id) . ':' . urlencode($this->secret))];
        if ($person) {
            array_push($headers, "X-Forwarded-For: $person->address", "X-Forwarded-User-Agent: $person->userAgent");
        }
        for ($attempt = 1; $attempt <= self::ATTEMPTS; $attempt++) {
            $wait = 1;
            $call = curl_init($this->url . $path); // follows no redirects: secrets go where they are sent, and nowhere else
            curl_setopt_array($call, [
                CURLOPT_POSTFIELDS => http_build_query($form),
                CURLOPT_HTTPHEADER => $headers,
                CURLOPT_RETURNTRANSFER => true,
                CURLOPT_TIMEOUT => self::TIMEOUT,
                CURLOPT_HEADERFUNCTION => function ($call, string $line) use (&$wait): int {
                    $wait = preg_match('/^retry-after: *(\d{1,9})\s*$/i', $line, $found) ? max(1, (int) $found[1]) : $wait;
                    return strlen($line);
                },
            ]);
            $body = curl_exec($call); // false: no connection, no answer in time, or half of one
            $status = curl_getinfo($call, CURLINFO_RESPONSE_CODE);
            if ($body !== false && $status < 500) {
                $json = json_decode($body, true) ?? [];
                return $status === 200 ? $json : throw new Refused($json['error'] ?? "status $status");
            }
            if ($attempt < self::ATTEMPTS) {
                sleep(min($wait, self::LONGEST_WAIT));
            }
        }
        throw new Unavailable($path);
    }

    public function refresh(string $token, Person $person): array
    {
        return $this->post('/oauth2/token', ['grant_type' => 'refresh_token', 'refresh_token' => $token], $person);
    }
}

/**
 * One login of one person, kept in PHP's own session: $_SESSION, on the server and never in the browser.
 *
 * Only one request at a time may refresh. session_start() waits until no other request has this session, so it is enough to call
 * it before. A session handler without such a lock (some for Redis and Memcached) needs one around accessToken.
 */
final class Session
{
    public function __construct(private Client $client, private array &$kept) {}

    /** Call session_regenerate_id() before, as at every login. */
    public function logIn(string $login, string $password, Person $person): void
    {
        $asked = microtime(true);
        $form = ['grant_type' => 'password', 'username' => $login, 'password' => $password, 'scope' => 'openid email'];
        $this->keep($asked, $this->client->post('/oauth2/token', $form, $person));
    }

    private function keep(float $asked, array $tokens): void
    {
        $this->kept = ['refresh_token' => $tokens['refresh_token'], 'access_token' => $tokens['access_token']];
        $this->kept['refresh_at'] = $asked + 0.8 * $tokens['expires_in'];
    }

    /** An access token that is good for a while. Refused means that the session is over: forget it. */
    public function accessToken(Person $person): string
    {
        $asked = microtime(true);
        if ($asked >= $this->kept['refresh_at']) {
            $this->keep($asked, $this->client->refresh($this->kept['refresh_token'], $person));
        }
        return $this->kept['access_token'];
    }

    public function logOut(): void
    {
        $this->client->post('/oauth2/revoke', ['token' => $this->kept['refresh_token']]);
    }
}

/** One request of an app: takes the session, works, and lets the next request in. */
function request(string $id, callable $work): mixed
{
    session_id($id);
    session_start();
    $_SESSION['tokens'] ??= [];
    $client = new Client(getenv('COUNTERSIGN_URL'), getenv('CLIENT_ID'), getenv('CLIENT_SECRET'));
    try {
        return $work(new Session($client, $_SESSION['tokens']), $client, new Person('203.0.113.9', 'Store/1.0'));
    } finally {
        session_write_close(); // writes the refresh token: the one before is spent
    }
}

/** Prints what went well, or ends the run. */
function check(bool $good, string $line): void
{
    $good || throw new LogicException("not so: $line");
    echo "$line\n";
}

ini_set('session.use_cookies', '0'); // on a command line; a web app sends the session's id as its cookie
session_cache_limiter('');
if (isset($argv[1])) { // one of many requests, in a process of its own as under a web server: php app_backend.php SESSION FOLDER
    session_save_path($argv[2]);
    echo request($argv[1], fn ($session, $client, $person) => $session->accessToken($person));
    exit;
}

$folder = sys_get_temp_dir() . '/sessions-' . bin2hex(random_bytes(8));
mkdir($folder, 0700);
session_save_path($folder);
$id = session_create_id();
request($id, fn ($session, $client, $person) => $session->logIn(getenv('LOGIN'), getenv('PASSWORD'), $person));
check(true, 'login: ok');
if (getenv('RESOURCE_URL')) {
    $call = curl_init(getenv('RESOURCE_URL'));
    $token = request($id, fn ($session, $client, $person) => $session->accessToken($person));
    curl_setopt_array($call, [CURLOPT_HTTPHEADER => ["Authorization: Bearer $token"], CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 10]);
    curl_exec($call);
    check(curl_getinfo($call, CURLINFO_RESPONSE_CODE) === 200, 'resource: 200');
}
$spent = request($id, function () {
    $_SESSION['tokens']['refresh_at'] = 0; // as if the access token were about to expire
    return $_SESSION['tokens']['refresh_token'];
});
$php = array_map('escapeshellarg', [PHP_BINARY, __FILE__, $id, $folder]);
$running = array_map(fn () => popen(implode(' ', $php), 'r'), range(1, 8));
$tokens = array_unique(array_map('stream_get_contents', $running));
$current = request($id, fn () => $_SESSION['tokens']['refresh_token']);
check(count($tokens) === 1 && $current !== $spent, 'refresh: once for 8 requests');
request($id, function ($session, $client, $person) use ($spent, $current) {
    $again = $client->refresh($spent, $person)['refresh_token'];
    check($again === $current, 'the same refresh again: the same refresh token');
    $session->logOut();
    check(true, 'log out: ok');
    try {
        $client->refresh($current, $person);
        check(false, 'refresh after log out: refused');
    } catch (Refused $refused) {
        check($refused->getMessage() === 'invalid_grant', "refresh after log out: {$refused->getMessage()}");
    }
    session_destroy();
});
rmdir($folder);
