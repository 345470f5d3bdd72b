package shop.api;

public interface UserService {
    String find(String id);

    int count();
}
