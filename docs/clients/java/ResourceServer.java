// A resource server that lets access tokens of Countersign in. Copy Keys, verify and isActive.
//
// Java 17 or newer and Gson: java -cp gson.jar ResourceServer.java. If you use a JOSE library already (Nimbus, Spring Security),
// let it do what verify does: with the key's algorithm only, and the type at+jwt. Reads one access token from each line of
// standard input and answers each with a line: `ok SUBJECT SCOPES`, or why not. Exit code 0 when all were good. COUNTERSIGN_URL is
// the issuer, AUDIENCE what your tokens are meant for (the issuer unless set). With --ask it also asks whether the token was
// revoked, as CLIENT_ID with CLIENT_SECRET.

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.math.BigInteger;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.RSAPublicKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.regex.Pattern;

import static java.nio.charset.StandardCharsets.UTF_8;

public class ResourceServer {
    static final Duration TIMEOUT = Duration.ofSeconds(5); // for a call
    static final long LEEWAY = 5; // seconds that clocks may differ
    static final long SECOND = 1_000_000_000L; // of System.nanoTime()
    static final long UNKNOWN = 60 * SECOND; // until a key that is not there is a reason to fetch
    static final long RETRY = 10 * SECOND; // until a failed fetch is tried again
    static final long LONGEST = 3600 * SECOND; // until keys that could not be fetched anew are too old

    static final HttpClient HTTP = HttpClient.newBuilder().connectTimeout(TIMEOUT).build(); // safe to share

    /** Answer 401: this token lets nobody in. */
    static class Refused extends Exception {
        Refused(String why) { super(why); }
    }

    /** Answer 503: whether it may is not known. */
    static class Unavailable extends Exception {
        Unavailable(String why) { super(why); }
    }

    /** One key, with the one algorithm that it is for. */
    record Key(String alg, PublicKey key) {
        static final Map<String, String> ALGORITHMS =
            Map.of("ES256", "SHA256withECDSAinP1363Format", "EdDSA", "Ed25519", "RS256", "SHA256withRSA");

        static Key of(String alg, JsonObject jwk) throws GeneralSecurityException {
            return new Key(alg, switch (alg) {
                // The bytes that stand before a P-256 or Ed25519 key in X.509: RFC 5480 and RFC 8410.
                case "ES256" -> x509("EC", "3059301306072a8648ce3d020106082a8648ce3d03010703420004", jwk, "x", "y");
                case "EdDSA" -> x509("Ed25519", "302a300506032b6570032100", jwk, "x");
                case "RS256" -> KeyFactory.getInstance("RSA").generatePublic(new RSAPublicKeySpec(
                    new BigInteger(1, decoded(text(jwk, "n"))), new BigInteger(1, decoded(text(jwk, "e")))));
                default -> throw new GeneralSecurityException(alg);
            });
        }

        private static PublicKey x509(String type, String prefix, JsonObject jwk, String... parts) throws GeneralSecurityException {
            var hex = new StringBuilder(prefix);
            for (var part : parts) hex.append(HexFormat.of().formatHex(decoded(text(jwk, part))));
            return KeyFactory.getInstance(type).generatePublic(new X509EncodedKeySpec(HexFormat.of().parseHex(hex)));
        }

        boolean signed(String input, byte[] signature) {
            try {
                var verifier = Signature.getInstance(ALGORITHMS.get(alg));
                verifier.initVerify(key);
                verifier.update(input.getBytes(UTF_8));
                return verifier.verify(signature);
            } catch (GeneralSecurityException malformed) {
                return false;
            }
        }
    }

    /** The server's public keys, fetched when their max-age is over, and at most once a minute for a key not among them. */
    static class Keys {
        private final HttpRequest request;
        private Map<String, Key> keys = Map.of();
        private Long asked, due, held; // null: never

        Keys(String url) {
            request = HttpRequest.newBuilder(URI.create(url + "/.well-known/jwks.json")).timeout(TIMEOUT).build();
        }

        synchronized Key get(String kid) throws Unavailable, InterruptedException {
            long now = System.nanoTime();
            if (due == null || now - due >= 0 || (!keys.containsKey(kid) && now - asked >= UNKNOWN)) {
                asked = now;
                try {
                    due = now + SECOND * fetch();
                    held = now;
                } catch (IOException | GeneralSecurityException | RuntimeException error) {
                    due = now + RETRY; // until then with the keys that are there
                }
            }
            if (held == null || now - held > LONGEST) throw new Unavailable("the keys cannot be fetched");
            return keys.get(kid);
        }

        /** Gives how many seconds they may be kept. */
        private long fetch() throws IOException, InterruptedException, GeneralSecurityException {
            var answer = HTTP.send(request, BodyHandlers.ofString());
            if (answer.statusCode() != 200) throw new IOException("status " + answer.statusCode());
            var found = new HashMap<String, Key>();
            for (var jwk : object(answer.body()).getAsJsonArray("keys")) {
                var alg = text(jwk.getAsJsonObject(), "alg");
                if (!Key.ALGORITHMS.containsKey(alg)) continue; // not for us
                found.put(text(jwk.getAsJsonObject(), "kid"), Key.of(alg, jwk.getAsJsonObject()));
            }
            keys = found;
            var age = Pattern.compile("max-age=(\\d+)").matcher(answer.headers().firstValue("Cache-Control").orElse(""));
            return age.find() ? Long.parseLong(age.group(1)) : 0;
        }
    }

    static byte[] decoded(String text) { return Base64.getUrlDecoder().decode(text); }

    /** A text of an object, and nothing that could be read as one. */
    static String text(JsonObject object, String name) {
        var value = object.getAsJsonPrimitive(name);
        if (value == null || !value.isString()) throw new IllegalArgumentException("no " + name);
        return value.getAsString();
    }

    static JsonObject object(String text) { return JsonParser.parseString(text).getAsJsonObject(); }

    /** The claims of a token that is genuine, ours to take, and not expired. Asks nobody: a revoked one is good until it expires. */
    static JsonObject verify(String token, Keys keys, String issuer, String audience)
            throws Refused, Unavailable, InterruptedException {
        var parts = token.split("\\.", -1);
        if (parts.length != 3 || token.length() > 8192) throw new Refused("malformed");
        try {
            var header = object(new String(decoded(parts[0]), UTF_8));
            if (header.has("crit")) throw new Refused("an extension that nobody knows");
            var key = keys.get(text(header, "kid"));
            if (key == null) throw new Refused("unknown key");
            // The algorithm is the key's, never the token's: "none" and HS256 with the public key are ways to forge one.
            if (!key.alg.equals(text(header, "alg"))) throw new Refused("wrong alg");
            if (!key.signed(parts[0] + "." + parts[1], decoded(parts[2]))) throw new Refused("wrong signature");
            // Without this an ID token, or whatever else the key signs, would do.
            if (!"at+jwt".equalsIgnoreCase(text(header, "typ"))) throw new Refused("wrong typ");
            var claims = object(new String(decoded(parts[1]), UTF_8));
            if (!issuer.equals(text(claims, "iss"))) throw new Refused("wrong iss");
            if (!meantFor(claims.get("aud"), audience)) throw new Refused("wrong aud");
            text(claims, "sub"); // must be there
            if (Instant.now().getEpochSecond() - LEEWAY >= claims.get("exp").getAsLong()) throw new Refused("expired");
            return claims;
        } catch (RuntimeException malformed) { // no base64, no JSON, or a field that is not there
            throw new Refused("malformed: " + malformed.getMessage());
        }
    }

    static boolean meantFor(JsonElement aud, String audience) {
        if (!aud.isJsonArray()) return audience.equals(aud.getAsString());
        for (var one : aud.getAsJsonArray()) if (audience.equals(one.getAsString())) return true;
        return false;
    }

    /** Whether the token is active at this moment. An answer may be kept for a few seconds, and no longer. */
    static boolean isActive(String token, String url, String id, String secret) throws Unavailable, InterruptedException {
        var pair = URLEncoder.encode(id, UTF_8) + ":" + URLEncoder.encode(secret, UTF_8);
        var request = HttpRequest.newBuilder(URI.create(url + "/oauth2/introspect")).timeout(TIMEOUT)
            .header("Authorization", "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(UTF_8)))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(HttpRequest.BodyPublishers.ofString("token=" + URLEncoder.encode(token, UTF_8))).build();
        try {
            var answer = HTTP.send(request, BodyHandlers.ofString());
            if (answer.statusCode() != 200) throw new IOException("status " + answer.statusCode()); // a 503 lets nobody in
            return object(answer.body()).get("active").getAsBoolean();
        } catch (IOException | RuntimeException error) {
            throw new Unavailable(error.toString());
        }
    }

    public static void main(String[] arguments) throws Exception {
        var env = System.getenv();
        var url = env.get("COUNTERSIGN_URL");
        var keys = new Keys(url);
        boolean ask = arguments.length > 0 && arguments[0].equals("--ask"), good = true;
        var lines = new BufferedReader(new InputStreamReader(System.in, UTF_8));
        for (String token; (token = lines.readLine()) != null; ) {
            try {
                var claims = verify(token, keys, url, env.getOrDefault("AUDIENCE", url));
                if (ask && !isActive(token, url, env.get("CLIENT_ID"), env.get("CLIENT_SECRET"))) throw new Refused("revoked");
                System.out.println("ok " + text(claims, "sub") + " " + (claims.has("scope") ? text(claims, "scope") : ""));
            } catch (Refused | Unavailable error) {
                good = false;
                System.out.println((error instanceof Refused ? "refused: " : "unavailable: ") + error.getMessage());
            }
        }
        System.exit(good ? 0 : 1);
    }
}
