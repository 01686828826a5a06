"""The paper's variational autoencoder: encoder, decoder, relaxed bits."""
