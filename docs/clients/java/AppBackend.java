// An app's backend as a client of Countersign. Copy Client and Session; main is a run that shows every step.
//
// Java 17 or newer and Gson: java -cp gson.jar AppBackend.java. The environment says where and who:
// COUNTERSIGN_URL, CLIENT_ID, CLIENT_SECRET, LOGIN, PASSWORD, and RESOURCE_URL for a call with the access token.

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.HashSet;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

public class AppBackend {
    // Together less than the client's retry_window, after which a refresh that is repeated looks stolen.
    static final Duration TIMEOUT = Duration.ofSeconds(5); // for a call
    static final int ATTEMPTS = 3; // calls for one answer
    static final int LONGEST_WAIT = 3; // seconds between two

    /** The server decided: no. With the message invalid_grant: show the login form. */
    static class Refused extends Exception {
        Refused(String code) { super(code); }
    }

    /** Nobody knows. The session is not over: tell the person to try again. */
    static class Unavailable extends Exception {
        Unavailable(String path) { super(path); }
    }

    /** Who asks you: by this a stolen token is told from the owner's. */
    record Person(String address, String userAgent) {}

    /** Safe to share between threads. */
    static class Client {
        // Follows no redirects unless told to: secrets go where they are sent, and nowhere else.
        final HttpClient http = HttpClient.newBuilder().connectTimeout(TIMEOUT).build();
        final String url, basic;

        Client(String url, String id, String secret) {
            var pair = encoded(id) + ":" + encoded(secret);
            this.url = url;
            this.basic = "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8));
        }

        static String form(Map<String, String> fields) {
            return fields.entrySet().stream()
                .map(field -> encoded(field.getKey()) + "=" + encoded(field.getValue())).collect(Collectors.joining("&"));
        }

        static String encoded(String text) { return URLEncoder.encode(text, StandardCharsets.UTF_8); }

        /** Asks, and asks the same again when there was no answer. Whoever lost the answer to a refresh gets it so. */
        JsonObject post(String path, Map<String, String> fields, Person person)
                throws Refused, Unavailable, InterruptedException {
            var request = HttpRequest.newBuilder(URI.create(url + path)).timeout(TIMEOUT).header("Authorization", basic)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(HttpRequest.BodyPublishers.ofString(form(fields)));
            if (person != null) {
                request.header("X-Forwarded-For", person.address).header("X-Forwarded-User-Agent", person.userAgent);
            }
            for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
                long wait = 1;
                try {
                    var answer = http.send(request.build(), BodyHandlers.ofString());
                    if (answer.statusCode() == 200) {
                        return answer.body().isEmpty() ? new JsonObject() : JsonParser.parseString(answer.body()).getAsJsonObject();
                    }
                    if (answer.statusCode() < 500) throw new Refused(codeOf(answer));
                    var after = answer.headers().firstValue("Retry-After").orElse("1");
                    wait = after.matches("[1-9]\\d{0,8}") ? Long.parseLong(after) : 1;
                } catch (IOException error) {
                    // No connection, no answer in time, or half of one.
                }
                if (attempt < ATTEMPTS) Thread.sleep(1000 * Math.min(wait, LONGEST_WAIT));
            }
            throw new Unavailable(path);
        }

        static String codeOf(HttpResponse<String> answer) {
            try {
                return JsonParser.parseString(answer.body()).getAsJsonObject().get("error").getAsString();
            } catch (RuntimeException noJson) {
                return "status " + answer.statusCode(); // of something that stands between
            }
        }

        JsonObject refresh(String token, Person person) throws Refused, Unavailable, InterruptedException {
            return post("/oauth2/token", Map.of("grant_type", "refresh_token", "refresh_token", token), person);
        }
    }

    /**
     * One login of one person. Keep the refresh token where your sessions are, encrypted, and never in a browser.
     *
     * Only one request at a time may refresh, hence `synchronized`. Several processes need a lock that they share, such as a row
     * lock of your database (SELECT ... FOR UPDATE) around accessToken.
     */
    static class Session {
        private final Client client;
        String refreshToken, access;
        long refreshAt; // of System.nanoTime()

        Session(Client client, String login, String password, Person person) throws Exception {
            this.client = client;
            long asked = System.nanoTime();
            var fields = Map.of("grant_type", "password", "username", login, "password", password, "scope", "openid email");
            keep(asked, client.post("/oauth2/token", fields, person));
        }

        /** Stores an answer. First the refresh token: the one before is spent. */
        private void keep(long asked, JsonObject tokens) {
            refreshToken = tokens.get("refresh_token").getAsString();
            access = tokens.get("access_token").getAsString();
            refreshAt = asked + 800_000_000L * tokens.get("expires_in").getAsLong();
        }

        /** An access token that is good for a while. Refused means that the session is over: forget it. */
        synchronized String accessToken(Person person) throws Refused, Unavailable, InterruptedException {
            long asked = System.nanoTime();
            if (asked - refreshAt >= 0) keep(asked, client.refresh(refreshToken, person));
            return access;
        }

        synchronized void logOut() throws Refused, Unavailable, InterruptedException {
            client.post("/oauth2/revoke", Map.of("token", refreshToken), null);
        }
    }

    public static void main(String[] arguments) throws Exception {
        var env = System.getenv();
        var client = new Client(env.get("COUNTERSIGN_URL"), env.get("CLIENT_ID"), env.get("CLIENT_SECRET"));
        var person = new Person("203.0.113.9", "Store/1.0");
        var session = new Session(client, env.get("LOGIN"), env.get("PASSWORD"), person);
        System.out.println("login: ok");
        if (env.containsKey("RESOURCE_URL")) {
            var request = HttpRequest.newBuilder(URI.create(env.get("RESOURCE_URL"))).timeout(TIMEOUT)
                .header("Authorization", "Bearer " + session.accessToken(person)).build();
            check(client.http.send(request, BodyHandlers.ofString()).statusCode() == 200, "resource: 200");
        }
        var spent = session.refreshToken;
        session.refreshAt = System.nanoTime(); // as if the access token were about to expire
        var threads = Executors.newFixedThreadPool(8);
        var tokens = new HashSet<String>();
        for (var each : threads.invokeAll(IntStream.range(0, 8)
                .mapToObj(i -> (java.util.concurrent.Callable<String>) () -> session.accessToken(person)).toList())) {
            tokens.add(each.get());
        }
        threads.shutdown();
        check(tokens.size() == 1 && !session.refreshToken.equals(spent), "refresh: once for 8 requests");
        var again = client.refresh(spent, person).get("refresh_token").getAsString();
        check(again.equals(session.refreshToken), "the same refresh again: the same refresh token");
        session.logOut();
        System.out.println("log out: ok");
        try {
            client.refresh(session.refreshToken, person);
            check(false, "refresh after log out: invalid_grant");
        } catch (Refused refused) {
            check(refused.getMessage().equals("invalid_grant"), "refresh after log out: " + refused.getMessage());
        }
    }

    /** Prints what went well, or ends the run. */
    static void check(boolean good, String line) {
        if (!good) throw new IllegalStateException("not so: " + line);
        System.out.println(line);
    }
}
