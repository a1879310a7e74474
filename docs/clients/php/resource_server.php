<?php

// A resource server that lets access tokens of Countersign in. Copy Keys, Key, verify and isActive.
//
// PHP 8.1 or newer with its extensions curl, openssl and sodium. If you use firebase/php-jwt already, let it do what verify does:
// JWK::parseKeySet gives each key its one algorithm. Reads one access token from each line of standard input and answers each with
// a line: `ok SUBJECT SCOPES`, or why not. Exit code 0 when all were good. COUNTERSIGN_URL is the issuer, AUDIENCE what your tokens
// are meant for (the issuer unless set), KEYS_FILE where the keys are kept. With --ask it also asks whether the token was revoked,
// as CLIENT_ID with CLIENT_SECRET.

declare(strict_types=1);

const LEEWAY = 5; // seconds that clocks may differ

/** Answer 401: this token lets nobody in. */
final class Refused extends Exception {}

/** Answer 503: whether it may is not known. */
final class Unavailable extends Exception {}

/** One call with a time limit: body and headers, or null when the answer is not 200. */
function call(string $url, array $options = []): ?array
{
    $headers = '';
    $call = curl_init($url);
    curl_setopt_array($call, $options + [CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 5]);
    curl_setopt($call, CURLOPT_HEADERFUNCTION, function ($call, string $line) use (&$headers): int {
        $headers .= $line;
        return strlen($line);
    });
    $body = curl_exec($call);
    return $body !== false && curl_getinfo($call, CURLINFO_RESPONSE_CODE) === 200 ? [$body, $headers] : null;
}

/**
 * The server's public keys, fetched when their max-age is over, and at most once a minute for a key not among them.
 *
 * They are kept in a file for the requests to come. Let nobody but your app write into its folder. APCu does as well.
 */
final class Keys
{
    private const UNKNOWN = 60; // seconds until a key that is not there is a reason to fetch
    private const RETRY = 10; // until a failed fetch is tried again
    private const LONGEST = 3600; // until keys that could not be fetched anew are too old
    private array $state;

    public function __construct(private string $url, private ?string $file)
    {
        $kept = $file !== null && is_file($file) ? json_decode((string) file_get_contents($file), true) : null;
        $this->state = $kept ?? ['keys' => [], 'due' => 0, 'asked' => 0, 'held' => 0];
    }

    public function get(string $kid): ?Key
    {
        $now = time();
        $unknown = !isset($this->state['keys'][$kid]);
        if ($now >= $this->state['due'] || ($unknown && $now >= $this->state['asked'] + self::UNKNOWN)) {
            $answer = call("$this->url/.well-known/jwks.json");
            $keys = $answer ? json_decode($answer[0], true)['keys'] ?? null : null;
            if ($keys !== null) {
                $age = preg_match('/^cache-control:.*max-age=(\d{1,9})/im', $answer[1], $found) ? (int) $found[1] : 0;
                $this->state = ['keys' => array_column($keys, null, 'kid'), 'due' => $now + $age, 'asked' => $now, 'held' => $now];
            } else { // until then with the keys that are there
                $this->state = ['due' => $now + self::RETRY, 'asked' => $now] + $this->state;
            }
            $this->keep();
        }
        if ($now > $this->state['held'] + self::LONGEST) {
            throw new Unavailable('the keys cannot be fetched');
        }
        return isset($this->state['keys'][$kid]) ? new Key($this->state['keys'][$kid]) : null;
    }

    private function keep(): void
    {
        if ($this->file !== null) { // whoever reads meanwhile has the file of before, or this one
            $new = tempnam(dirname($this->file), 'keys');
            file_put_contents($new, json_encode($this->state));
            rename($new, $this->file);
        }
    }
}

/** One key of the JWKS (RFC 7517), with the one algorithm that it is for. */
final class Key
{
    public function __construct(private array $jwk) {}

    public function alg(): string
    {
        return $this->jwk['alg'];
    }

    public function signed(string $input, string $signature): bool
    {
        $part = fn (string $name): string => decoded($this->jwk[$name]);
        if ($this->alg() === 'EdDSA') {
            return strlen($signature) === 64 && sodium_crypto_sign_verify_detached($signature, $input, $part('x'));
        }
        if ($this->alg() === 'ES256') {
            if (strlen($signature) !== 64) {
                return false;
            }
            $signature = self::der("\x30", self::number(substr($signature, 0, 32)) . self::number(substr($signature, 32)));
            // What stands before a P-256 key in X.509: RFC 5480.
            $public = hex2bin('3059301306072a8648ce3d020106082a8648ce3d03010703420004') . $part('x') . $part('y');
        } elseif ($this->alg() === 'RS256') {
            $key = self::der("\x30", self::number($part('n')) . self::number($part('e')));
            $public = self::der("\x30", hex2bin('300d06092a864886f70d0101010500') . self::der("\x03", "\0" . $key));
        } else {
            return false; // an algorithm that is not known here signs nothing
        }
        $pem = "-----BEGIN PUBLIC KEY-----\n" . chunk_split(base64_encode($public), 64) . '-----END PUBLIC KEY-----';
        return openssl_verify($input, $signature, $pem, OPENSSL_ALGO_SHA256) === 1;
    }

    /** DER, as OpenSSL wants keys and signatures: a tag, a length, and what it is of. */
    private static function der(string $tag, string $of): string
    {
        $length = strlen($of);
        return $tag . ($length < 128 ? chr($length) : "\x82" . pack('n', $length)) . $of;
    }

    private static function number(string $bytes): string
    {
        $bytes = ltrim($bytes, "\0");
        return self::der("\x02", ($bytes === '' || ord($bytes[0]) > 127 ? "\0" : '') . $bytes);
    }
}

/** Base64url; what is malformed is empty, and signs nothing. */
function decoded(string $text): string
{
    return (string) base64_decode(strtr($text, '-_', '+/'), true);
}

/** The claims of a token that is genuine, ours to take, and not expired. Asks nobody: a revoked one is good until it expires. */
function verify(string $token, Keys $keys, string $issuer, string $audience): array
{
    $parts = explode('.', $token);
    $header = count($parts) === 3 && strlen($token) <= 8192 ? json_decode(decoded($parts[0]), true) : null;
    if (!is_string($header['kid'] ?? null) || isset($header['crit'])) {
        throw new Refused('malformed');
    }
    $key = $keys->get($header['kid']) ?? throw new Refused('unknown key');
    // The algorithm is the key's, never the token's: "none" and HS256 with the public key are ways to forge one.
    ($header['alg'] ?? null) === $key->alg() || throw new Refused('wrong alg');
    $key->signed("$parts[0].$parts[1]", decoded($parts[2])) || throw new Refused('wrong signature');
    // Without this an ID token, or whatever else the key signs, would do.
    is_string($header['typ'] ?? null) && strtolower($header['typ']) === 'at+jwt' || throw new Refused('wrong typ');
    $claims = json_decode(decoded($parts[1]), true) ?? throw new Refused('malformed claims');
    ($claims['iss'] ?? null) === $issuer || throw new Refused('wrong iss');
    in_array($audience, (array) ($claims['aud'] ?? []), true) || throw new Refused('wrong aud');
    is_int($claims['exp'] ?? null) && time() - LEEWAY < $claims['exp'] || throw new Refused('expired');
    return is_string($claims['sub'] ?? null) ? $claims : throw new Refused('no sub');
}

/** Whether the token is active at this moment. An answer may be kept for a few seconds, and no longer. */
function isActive(string $token, string $url, string $id, string $secret): bool
{
    $answer = call("$url/oauth2/introspect", [
        CURLOPT_POSTFIELDS => http_build_query(['token' => $token]),
        CURLOPT_HTTPHEADER => ['Authorization: Basic ' . base64_encode(urlencode($id) . ':' . urlencode($secret))],
    ]);
    $said = $answer ? json_decode($answer[0], true) : null; // a 503 is an answer as well: let nobody in
    return $said['active'] ?? throw new Unavailable('the server gives no answer');
}

$url = getenv('COUNTERSIGN_URL');
$keys = new Keys($url, getenv('KEYS_FILE') ?: null);
$good = true;
while (($line = fgets(STDIN)) !== false) {
    try {
        $token = trim($line);
        $claims = verify($token, $keys, $url, getenv('AUDIENCE') ?: $url);
        if (in_array('--ask', $argv, true) && !isActive($token, $url, getenv('CLIENT_ID'), getenv('CLIENT_SECRET'))) {
            throw new Refused('revoked');
        }
        echo "ok {$claims['sub']} ", $claims['scope'] ?? '', "\n";
    } catch (Refused | Unavailable $error) {
        $good = false;
        echo $error instanceof Refused ? 'refused' : 'unavailable', ": {$error->getMessage()}\n";
    }
}
exit($good ? 0 : 1);
