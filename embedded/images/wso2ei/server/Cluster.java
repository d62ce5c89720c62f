import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Members of one group that know each other, in place of Hazelcast: a greeting over the member port with the group's
 * name, repeated every second; a member that is silent for five seconds, or says goodbye, has left.
 */
final class Cluster {
    private static final String LOGGER = "org.wso2.carbon.core.clustering.hazelcast.HazelcastClusteringAgent";
    private static final long SILENCE_MILLIS = 5000;
    private final String domain;
    private final String self;
    private final int port;
    private final Map<String, Long> seen = new ConcurrentHashMap<>();
    private final Set<String> candidates = ConcurrentHashMap.newKeySet();
    private volatile boolean leaving;

    Cluster(String domain, String localMemberHost, int port) throws IOException {
        this.domain = domain;
        this.port = port;
        this.self = ownAddress();
        if (localMemberHost != null && !localMemberHost.isEmpty() && !localMemberHost.equals(self)) {
            throw new IOException("localMemberHost " + localMemberHost + " is no address of this host (" + self
                + "): java.net.BindException: Cannot assign requested address");
        }
    }

    String self() { return self; }

    Set<String> members() {
        Set<String> all = new TreeSet<>(seen.keySet());
        all.add(self);
        return all;
    }

    void join(Set<String> addresses) throws IOException {
        ServerSocket listener = new ServerSocket();
        listener.setReuseAddress(true);
        listener.bind(new InetSocketAddress(port));
        candidates.addAll(addresses);
        candidates.remove(self);
        daemon("members-listen", () -> listen(listener));
        daemon("members-greet", this::greet);
        Log.info(LOGGER, "Cluster domain: " + domain);
        Log.info(LOGGER, "Local member: [" + self + "] - Host:" + self + ", Remote Host:" + self + ", Port: " + port);
        logMembers();
    }

    void leave() {
        leaving = true;
        for (String member : seen.keySet()) say(member, "BYE");
        Log.info(LOGGER, "Left the cluster " + domain);
    }

    private void greet() {
        while (!leaving) {
            Set<String> all = new TreeSet<>(candidates);
            all.addAll(seen.keySet());
            for (String member : all) {
                if (say(member, "HELLO")) arrived(member);
            }
            long now = System.currentTimeMillis();
            seen.forEach((member, at) -> {
                if (now - at > SILENCE_MILLIS) left(member);
            });
            sleep(1000);
        }
    }

    private void listen(ServerSocket listener) {
        while (true) {
            try (Socket socket = listener.accept()) {
                socket.setSoTimeout(2000);
                String line = new BufferedReader(new InputStreamReader(socket.getInputStream())).readLine();
                String[] words = line == null ? new String[0] : line.split(" ");
                boolean known = words.length == 3 && words[1].equals(domain);
                new PrintWriter(socket.getOutputStream(), true).println(known ? "OK" : "REFUSED other group");
                if (!known) {
                    Log.warn(LOGGER, "Refused a member of another group from " + socket.getInetAddress());
                } else if (words[0].equals("BYE")) {
                    left(words[2]);
                } else {
                    arrived(words[2]);
                }
            } catch (IOException error) {
                Log.warn(LOGGER, "Member connection failed: " + error);
            }
        }
    }

    private boolean say(String member, String word) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(member, port), 1000);
            socket.setSoTimeout(2000);
            new PrintWriter(socket.getOutputStream(), true).println(word + " " + domain + " " + self);
            return "OK".equals(new BufferedReader(new InputStreamReader(socket.getInputStream())).readLine());
        } catch (IOException silent) {
            return false;
        }
    }

    private void arrived(String member) {
        if (seen.put(member, System.currentTimeMillis()) == null) {
            Log.info(LOGGER, "Member joined [" + member + "]: /" + member + ":" + port);
            logMembers();
        }
    }

    private void left(String member) {
        candidates.remove(member);
        if (seen.remove(member) != null) {
            Log.info(LOGGER, "Member left [" + member + "]: /" + member + ":" + port);
            logMembers();
        }
    }

    private void logMembers() {
        Set<String> all = members();
        Log.info(LOGGER, "Members [" + all.size() + "] " + all);
    }

    /** As the kernel: the first IPv4 address that is not loopback. */
    private static String ownAddress() throws IOException {
        for (NetworkInterface network : Collections.list(NetworkInterface.getNetworkInterfaces())) {
            for (InetAddress address : Collections.list(network.getInetAddresses())) {
                if (address instanceof Inet4Address && !address.isLoopbackAddress()) return address.getHostAddress();
            }
        }
        return "127.0.0.1";
    }

    private static void daemon(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }
}
